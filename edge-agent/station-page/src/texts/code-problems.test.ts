import { expect, test } from "vitest";
import decode from "../../../src/sources/scanner/decode.rs?raw";
import digitalLink from "../../../src/sources/scanner/gs1/digital_link.rs?raw";
import elementString from "../../../src/sources/scanner/gs1/element_string.rs?raw";
import lint from "../../../src/sources/scanner/gs1/lint.rs?raw";
import pairing from "../../../src/sources/scanner/gs1/pairing.rs?raw";
import { inGerman } from "./code-problems.de";
import { de } from "./de";

const UNKNOWN = inGerman("a rule that nobody has heard of");
const matches = (source: string, pattern: RegExp) => [...source.matchAll(pattern)].map((found) => found.slice(1));

test("every rule that the agent knows is said in German", () => {
  const rules = matches(lint, /lint\(\s*"\w+",[\s\S]*?,\s*"([^"]*)",?\s*\),/g).flat();
  const ofLinks = matches(digitalLink, /Gs1Problem::Link\(\s*"([^"]+)"/g).flat();
  expect(rules.length).toBeGreaterThan(30);
  expect(ofLinks.length).toBe(4);
  for (const rule of rules.filter((rule) => rule !== "")) {
    expect(inGerman(`(01) GTIN: ${rule}`), rule).toMatch(/^\(01\) GTIN: /);
    expect(inGerman(rule), rule).not.toBe(UNKNOWN);
  }
  for (const rule of ofLinks) expect(inGerman(`the Digital Link ${rule}`), rule).not.toContain(UNKNOWN);
});

/** Of the agent's own tests: what it says of codes. */
test("whatever the agent says of a code is said in German", () => {
  const said = [
    ...matches(elementString, /\("[^\n]*", "((?:[^"\\]|\\.)+)"\),/g).flat(),
    ...matches(pairing, /unwrap\(\), "([^"]+)"\)/g).flat(),
    ...matches(decode, /Some\("((?:\([^"]+|it is no text))"\)\)/g).flat(),
  ].map((text) => text.replaceAll('\\"', '"').replaceAll("\\u{e9}", "é"));
  const problems = said.filter((text) => !/^(\(\d+\)[^ ]*)+$/.test(text));
  expect(problems.length).toBeGreaterThan(15);
  for (const problem of problems) {
    expect(inGerman(problem), problem).not.toContain(UNKNOWN);
    const withoutTitle = inGerman(problem).replace(/^(\(\d+\)) [^:]+: /, "$1 ");
    expect(withoutTitle, problem).not.toMatch(/\b(is|needs|expected|characters|wrong|with|or|must)\b/);
  }
});

test("a German page says what is wrong with a code", () => {
  expect(de.scans.problem("]C10109521234543214", "(01) GTIN: its check digit is wrong")).toBe(
    "]C10109521234543214 ist kein gültiger Code: (01) GTIN: die Prüfziffer ist falsch",
  );
  expect(inGerman("(10) BATCH/LOT: 0 characters, expected 1 to 20")).toBe(
    "(10) BATCH/LOT: 0 Zeichen, erwartet 1 bis 20",
  );
  expect(inGerman("(250) needs 01 with 21 or 03 with 21")).toBe("(250) braucht 01 mit 21 oder 03 mit 21");
});
