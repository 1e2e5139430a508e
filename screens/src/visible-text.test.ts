import { expect, it } from "vitest";
import { visibleText } from "./visible-text.ts";

it("leaves ordinary text of any script alone", () => {
  for (const text of ["Presse 3", "Größe Ω", "القطعة", "压机", "<b>bold</b>", "a\u0301"])
    expect(visibleText(text)).toBe(text);
});

it("shows the group separator of a GS1 code and a terminal escape", () => {
  expect(visibleText("01095\u001d10AB")).toBe("01095␝10AB");
  expect(visibleText("\u001b[31mred\u007f\n")).toBe("␛[31mred␡␊");
  expect(visibleText("\u009b31m")).toBe("⟨U+009B⟩31m");
});

it("shows what turns or hides text", () => {
  expect(visibleText("invoice\u202efdp.exe")).toBe("invoice⟨U+202E⟩fdp.exe");
  expect(visibleText("zero\u200bwidth\ufeff")).toBe("zero⟨U+200B⟩width⟨U+FEFF⟩");
  expect(visibleText("tag\u{e0041}")).toBe("tag⟨U+E0041⟩");
});
