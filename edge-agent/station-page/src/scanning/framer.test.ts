import { describe, expect, test } from "vitest";
import { decode, type Layout } from "./decode";
import { Framer, type KeyPress, type Stroke } from "./framer";
import { COMPUTER_KEYS, type Person, scanner, typed } from "./key-streams";

interface Read {
  scans: string[];
  /** What a field under the focus holds in the end. */
  field: string;
}

/** Runs keys through the framer as the page does, with a field under the focus that takes what is let through. */
function read(
  presses: KeyPress[],
  { editable = true, remembered = null as Layout | null, isBusy = false, known = [] as string[] } = {},
): Read {
  const framer = new Framer();
  const scans: string[] = [];
  let field = "";
  let before = "";
  let lastAt = Number.NEGATIVE_INFINITY;
  const finish = (scan: Stroke[] | null) => {
    if (!scan) return;
    scans.push(decode(scan, remembered, (text) => known.includes(text)).text);
    field = before;
  };
  for (const press of presses) {
    const asked = lastAt + framer.patienceMs + 20;
    if (!isBusy && press.at >= asked) finish(framer.pause(asked).scan);
    lastAt = press.at;
    const verdict = framer.press({ ...press, editable });
    finish(verdict.scan);
    if (verdict.began) before = field;
    if (!verdict.swallow && editable && press.key.length === 1 && !press.ctrl && !press.alt) field += press.key;
  }
  finish(framer.pause(lastAt + 10_000).scan);
  return { scans, field };
}

const human = (text: string, from = 0, person?: Partial<Person>) => typed(text, { from, gapMs: 140, ...person });

/** From this key on everything comes later. */
const held = (presses: KeyPress[], index: number, by_ms: number) =>
  presses.map((press, at) => (at < index ? press : { ...press, at: press.at + by_ms }));

describe("recorded streams", () => {
  const table: [
    name: string,
    presses: KeyPress[],
    scans: string[],
    field: string,
    options?: Parameters<typeof read>[1],
  ][] = [
    ["a scan that ends in Enter", scanner("WO-4711\r"), ["WO-4711"], ""],
    ["a scan that ends in Tab", scanner("WO-4711\t"), ["WO-4711"], ""],
    ["a scan that ends in a pause", scanner("4006381333931"), ["4006381333931"], ""],
    ["a scan that ends in Enter and line feed", scanner("WO-4711\r\n"), ["WO-4711"], ""],
    [
      "two scans, one right after the other",
      [...scanner("WO-4711\r"), ...scanner("B101\r", { from: 1_080 })],
      ["WO-4711", "B101"],
      "",
    ],
    [
      "two scans without suffix, apart by a pause",
      [...scanner("4006381333931"), ...scanner("4006381333948", { from: 1_400 })],
      ["4006381333931", "4006381333948"],
      "",
    ],
    ["a slow scanner over radio", scanner("WO-4711\r", { gapMs: 34 }), ["WO-4711"], ""],
    ["the shortest code", scanner("A12\r"), ["A12"], ""],
    ["a human with a note", human("Feeder jammed again"), [], "Feeder jammed again"],
    ["a human with Enter", human("101\r"), [], "101"],
    ["a quick human", human("the quick brown fox", 0, { gapMs: 65 }), [], "the quick brown fox"],
    ["three keys rolled at once and Enter", typed("asd\r", { from: 0, gapMs: 40 }), [], "asd"],
    ["two keys at once", typed("as", { from: 0, gapMs: 4 }), [], "as"],
    [
      "a held key",
      Array.from({ length: 40 }, (_, index) => ({ key: "a", code: "KeyA", at: 500 + index * 30, repeat: index > 0 })),
      [],
      "a".repeat(40),
    ],
    ["a scan into a note", [...human("Part "), ...scanner("WO-4711\r", { from: 5_000 })], ["WO-4711"], "Part "],
    [
      "a note that goes on after a scan",
      [...human("Part "), ...scanner("WO-4711\r", { from: 5_000 }), ...human("is bad", 6_000)],
      ["WO-4711"],
      "Part is bad",
    ],
    [
      "a scan without suffix into a note that goes on",
      [...human("Part "), ...scanner("4006381333931", { from: 5_000 }), ...human("is bad", 5_400)],
      ["4006381333931"],
      "Part is bad",
    ],
    ["a key that the computer held up", held(scanner("B101\r"), 1, 300), ["B101"], "", { editable: false }],
    [
      "half a scan, from a scanner that ends in Enter",
      [...scanner("WO-4711\r"), ...held(scanner("4006381333931\r", { from: 3_000 }), 9, 300)],
      ["WO-4711", "4006381333931"],
      "",
    ],
    [
      "the same on a page too busy to notice the pause",
      [...human("Part "), ...scanner("4006381333931", { from: 5_000 }), ...human("is bad", 5_400)],
      ["4006381333931"],
      "Part is bad",
      { isBusy: true },
    ],
    [
      "keys of a shortcut",
      [
        { key: "Control", code: "ControlLeft", at: 0 },
        { key: "a", code: "KeyA", ctrl: true, at: 40 },
        { key: "c", code: "KeyC", ctrl: true, at: 60 },
        { key: "v", code: "KeyV", ctrl: true, at: 80 },
        { key: "Enter", code: "Enter", at: 100 },
      ],
      [],
      "",
    ],
    ["GS as Ctrl and ]", scanner("]d201040\u001d10A\r"), ["]d201040\u001d10A"], ""],
    ["GS as F8", scanner("01040\u001d10A\r", { groupSeparator: "F8" }), ["01040\u001d10A"], ""],
    ["GS as Alt and 029", scanner("01040\u001d10A\r", { groupSeparator: "Alt+029" }), ["01040\u001d10A"], ""],
    ["GS as a character", scanner("01040\u001d10A\r", { groupSeparator: "character" }), ["01040\u001d10A"], ""],
    ["a code that opens with GS", scanner("\u001d0104012345678901\r"), ["\u001d0104012345678901"], ""],
    [
      "ISO 15434 with RS and EOT",
      scanner("[)>\u001e06\u001dP123\u001e\u0004\r"),
      ["[)>\u001e06\u001dP123\u001e\u0004"],
      "",
    ],
    ["a US scanner on a German computer", scanner("WO-4711/ZY\r", { computer: "de" }), ["WO-4711/ZY"], ""],
    [
      "a US scanner on a German computer, y and z alone, once it is known to be one",
      scanner("XYZ12\r", { computer: "de" }),
      ["XYZ12"],
      "",
      { remembered: "us" },
    ],
    [
      "a US scanner on a German computer, y and z alone, of a known order",
      scanner("XYZ12\r", { computer: "de" }),
      ["XYZ12"],
      "",
      { known: ["XYZ12"] },
    ],
    [
      "a US scanner on a German computer with GS",
      scanner("0104\u001d10ZY\r", { computer: "de" }),
      ["0104\u001d10ZY"],
      "",
    ],
    [
      "a US scanner on a German computer with a symbology identifier",
      scanner("]C110ZY\r", { computer: "de" }),
      ["]C110ZY"],
      "",
    ],
    ["a dead key on the way", scanner("A=B`C\r", { computer: "de" }), ["A=B`C"], ""],
    [
      "a German scanner on a German computer",
      scanner("WO-4711/ZY\r", { computer: "de", set: "de" }),
      ["WO-4711/ZY"],
      "",
    ],
    ["a US scanner on a French computer", scanner("WO-4711\r", { computer: "fr" }), ["WO-4711"], ""],
    ["Caps Lock", scanner("Wo-4711a\r", { capsLock: true }), ["Wo-4711a"], ""],
    ["an input method that is on", scanner("WO-4711\r", { computer: "ime" }), ["WO-4711"], ""],
    ["digits of the number pad, Num Lock off", scanner("40063813\r", { numberPad: true }), ["40063813"], ""],
  ];
  test.each(table)("%s", (_, presses, scans, field, options) => {
    expect(read(presses, options)).toEqual({ scans, field });
  });
});

test("outside of a field nothing of a scan but its first key reaches the page, not even Enter", () => {
  const framer = new Framer();
  const passed = scanner("WO-4711 A\r").filter((press) => !framer.press(press).swallow && press.key !== "Shift");
  expect(passed.map(({ key }) => key)).toEqual(["W"]);
});

test("what a human presses outside of a field is never swallowed", () => {
  const framer = new Framer();
  for (const press of [...human(" \t\r"), { key: "ArrowDown", code: "ArrowDown", at: 900 }]) {
    expect(framer.press(press).swallow).toBe(false);
  }
});

describe("whatever is scanned and typed", () => {
  /** Small and seeded: a failure names the seed that repeats it. */
  function randomOf(seed: number) {
    let state = seed;
    const next = () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
    const text = (alphabet: string, least: number, most: number) =>
      Array.from({ length: between(least, most) }, () => alphabet[between(0, alphabet.length - 1)]).join("");
    return { next, between, text };
  }
  const PRINTABLE = Object.keys(COMPUTER_KEYS.us).join("");
  const SEEDS = Array.from({ length: 300 }, (_, index) => index + 1);

  test("every scan arrives whole, in order, and leaves the field as the human left it", () => {
    for (const seed of SEEDS) {
      const random = randomOf(seed);
      const presses: KeyPress[] = [];
      const scans: string[] = [];
      let note = "";
      let at = 0;
      const withSuffix = random.next() < 0.7;
      for (let part = random.between(1, 6); part > 0; part--) {
        if (random.next() < 0.5) {
          const text = random.text("abcdefghij klmnop", 1, 20);
          const keys = typed(text, { from: at, gapMs: random.between(60, 260) });
          presses.push(...keys);
          note += text;
        } else {
          const text = random.text(`${PRINTABLE}\u001d`, withSuffix ? 3 : 6, 40);
          const gapMs = random.between(1, 30);
          presses.push(...scanner(withSuffix ? `${text}\r` : text, { from: at, gapMs }));
          scans.push(text);
        }
        at = (presses.at(-1)?.at ?? 0) + random.between(500, 2_000);
      }
      expect(read(presses), `seed ${seed}`).toEqual({ scans, field: note });
    }
  });

  test("a human is never taken for a scanner, however uneven the typing", () => {
    for (const seed of SEEDS) {
      const random = randomOf(seed);
      let at = 0;
      const text = random.text("abcdefghij klmnop0123456789", 1, 60);
      const presses = Array.from(text, (character) => {
        at += random.between(60, 400);
        return { ...(typed(character, { from: at, gapMs: 0 })[0] as KeyPress), at };
      });
      expect(read(presses), `seed ${seed}`).toEqual({ scans: [], field: text });
    }
  });

  test("a US scanner is understood on every computer once its layout is known", () => {
    for (const seed of SEEDS) {
      const random = randomOf(seed);
      const text = random.text(`${PRINTABLE}\u001d`, 3, 40);
      for (const computer of ["us", "de", "fr", "ime"] as const) {
        const presses = scanner(`${text}\r`, { computer });
        expect(read(presses, { remembered: "us" }).scans, `seed ${seed} ${computer}`).toEqual([text]);
      }
    }
  });
});
