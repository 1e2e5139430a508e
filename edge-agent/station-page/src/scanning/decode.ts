/**
 * What a burst of keys says. A scanner types as if the computer had the keyboard it is set to, mostly a US one; on a
 * computer set to another the characters come out wrong: y for z, ß for -. Both readings are made, and what only one
 * of them can explain decides; what it decided is remembered for codes that do not show it.
 */

import type { Stroke } from "./framer";

/** Which reading is right: as the computer's own keyboard layout has it, or as a US keyboard. */
export type Layout = "computer" | "us";

export interface Decoded {
  text: string;
  layout: Layout;
  /** Whether this code proves the layout: then it holds for the next ones. */
  proven: boolean;
}

export function decode(strokes: Stroke[], remembered: Layout | null, isKnown: (text: string) => boolean): Decoded {
  const computer = strokes.map(byComputer);
  const us = strokes.map(byUsKeyboard);
  const asComputer = joined(computer);
  const asUs = joined(us);
  if (asComputer === null || asUs === null) {
    const layout = asComputer === null ? "us" : "computer";
    return { text: asComputer ?? asUs ?? "", layout, proven: strokes.some(({ key }) => key === "Dead") };
  }
  if (asComputer === asUs) return { text: asUs, layout: remembered ?? "computer", proven: false };
  if (isKnown(asComputer) !== isKnown(asUs)) {
    return isKnown(asUs)
      ? { text: asUs, layout: "us", proven: true }
      : { text: asComputer, layout: "computer", proven: true };
  }
  if (remembered === null && (strokes.some(isForeignGroupSeparator) || isImplausible(asComputer, asUs))) {
    return { text: asUs, layout: "us", proven: true };
  }
  const layout = remembered ?? "computer";
  return { text: layout === "us" ? asUs : asComputer, layout, proven: false };
}

/** The bytes of a scan in base 64. */
export function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}

function joined(characters: (string | null)[]): string | null {
  return characters.includes(null) ? null : characters.join("");
}

/** Codes hold ASCII with hardly an exception, and open in `]C1`, not `+C1`. */
function isImplausible(asComputer: string, asUs: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: codes carry control characters
  if (/[^\u0000-\u007f]/.test(asComputer) && !/[^\u0000-\u007f]/.test(asUs)) return true;
  return /^\][A-Za-z][0-9]/.test(asUs) && !asComputer.startsWith("]");
}

/** Ctrl and the key where a US keyboard has ], on a computer that has another character there. */
function isForeignGroupSeparator({ control, code, key }: Stroke): boolean {
  return control === "\u001d" && code === "BracketRight" && key !== "]" && key > " ";
}

function byComputer({ control, key, code, capsLock }: Stroke): string | null {
  if (control !== null) return control;
  if (key.length !== 1) return NUMPAD[code] ?? null;
  // The scanner pressed Shift where it meant a capital; the lock turned that round.
  return capsLock ? swappedCase(key) : key;
}

function byUsKeyboard({ control, code, shift, altGraph }: Stroke): string | null {
  if (control !== null) return control;
  if (altGraph) return null;
  const letter = /^Key([A-Z])$/.exec(code)?.[1];
  if (letter) return shift ? letter : letter.toLowerCase();
  return NUMPAD[code] ?? US[code]?.[shift ? 1 : 0] ?? null;
}

function swappedCase(character: string): string {
  const lower = character.toLowerCase();
  const swapped = character === lower ? character.toUpperCase() : lower;
  return swapped.length === 1 ? swapped : character;
}

/** Characters of a US keyboard, plain and with Shift. */
export const US: Record<string, string> = {
  Digit1: "1!",
  Digit2: "2@",
  Digit3: "3#",
  Digit4: "4$",
  Digit5: "5%",
  Digit6: "6^",
  Digit7: "7&",
  Digit8: "8*",
  Digit9: "9(",
  Digit0: "0)",
  Minus: "-_",
  Equal: "=+",
  BracketLeft: "[{",
  BracketRight: "]}",
  Backslash: "\\|",
  Semicolon: ";:",
  Quote: "'\"",
  Backquote: "`~",
  Comma: ",<",
  Period: ".>",
  Slash: "/?",
  Space: "  ",
  IntlBackslash: "\\|",
};

/** Also with Num Lock off, when the computer takes them for arrows. */
const NUMPAD: Record<string, string> = {
  ...Object.fromEntries(Array.from({ length: 10 }, (_, digit) => [`Numpad${digit}`, String(digit)])),
  NumpadDecimal: ".",
  NumpadAdd: "+",
  NumpadSubtract: "-",
  NumpadMultiply: "*",
  NumpadDivide: "/",
};
