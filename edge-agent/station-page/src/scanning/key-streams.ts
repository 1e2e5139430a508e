/** Keys as scanners and humans press them, for the tests: which key a character is, and what a computer makes of it. */

import { US } from "./decode";
import type { KeyPress } from "./framer";

type Computer = "us" | "de" | "fr" | "ime";

interface Key {
  code: string;
  shift: boolean;
}

/** The key of each character on each keyboard. */
export const COMPUTER_KEYS: Record<"us" | "de" | "fr", Record<string, Key>> = {
  us: usKeys(),
  de: german(),
  fr: french(),
};

/** What a computer makes of a key: the character, or what the browser says in its place. */
function keyOn(computer: Computer, { code, shift }: Key): string {
  if (computer === "ime") return "Process";
  if (computer === "de" && (code === "Equal" || (code === "Backquote" && !shift))) return "Dead";
  if (computer === "fr" && code === "BracketLeft") return "Dead";
  const found = Object.entries(COMPUTER_KEYS[computer]).find(([, key]) => key.code === code && key.shift === shift);
  return found?.[0] ?? "Unidentified";
}

export interface Scanner {
  from: number;
  gapMs: number;
  computer: Computer;
  /** The keyboard it takes the computer's for. */
  set: "us" | "de";
  groupSeparator: "Ctrl+]" | "F8" | "Alt+029" | "character";
  capsLock: boolean;
  numberPad: boolean;
}

export function scanner(text: string, settings: Partial<Scanner> = {}): KeyPress[] {
  const { from = 1_000, gapMs = 8, computer = "us", set = "us", capsLock = false, ...rest } = settings;
  const presses: KeyPress[] = [];
  let at = from;
  const press = (press: Omit<KeyPress, "at">) => {
    presses.push({ ...press, at, capsLock });
  };
  for (const character of text) {
    if (character === "\r") press({ key: "Enter", code: "Enter" });
    else if (character === "\t") press({ key: "Tab", code: "Tab" });
    else if (character === "\n") press({ key: "j", code: "KeyJ", ctrl: true });
    else if (character === "\u001d") groupSeparator(rest.groupSeparator ?? "Ctrl+]", computer, press);
    else if (character === "\u001e") press({ key: "^", code: "Digit6", ctrl: true, shift: true });
    else if (character === "\u0004") press({ key: "d", code: "KeyD", ctrl: true });
    else if (rest.numberPad) press({ key: "End", code: `Numpad${character}` });
    else {
      const key = COMPUTER_KEYS[set][character];
      if (!key) throw new Error(`no key for ${JSON.stringify(character)}`);
      if (key.shift) press({ key: "Shift", code: "ShiftLeft", shift: true });
      const plain = keyOn(computer, key);
      const isLetter = plain.length === 1 && plain.toLowerCase() !== plain.toUpperCase();
      const swapped = key.shift ? plain.toLowerCase() : plain.toUpperCase();
      press({ key: capsLock && isLetter ? swapped : plain, code: key.code, shift: key.shift });
    }
    at += gapMs;
  }
  return presses;
}

function groupSeparator(
  as: Scanner["groupSeparator"],
  computer: Computer,
  press: (press: Omit<KeyPress, "at">) => void,
) {
  if (as === "F8") return press({ key: "F8", code: "F8" });
  if (as === "character") return press({ key: "\u001d", code: "" });
  if (as === "Alt+029") {
    press({ key: "Alt", code: "AltLeft", alt: true });
    for (const digit of "029") press({ key: digit, code: `Numpad${digit}`, alt: true });
    return;
  }
  press({ key: "Control", code: "ControlLeft", ctrl: true });
  press({ key: keyOn(computer, { code: "BracketRight", shift: false }), code: "BracketRight", ctrl: true });
}

export interface Person {
  from: number;
  gapMs: number;
}

/** A human at a US keyboard. */
export function typed(text: string, { from, gapMs }: Person): KeyPress[] {
  return scanner(text, { from, gapMs });
}

function usKeys(): Record<string, Key> {
  const keys: Record<string, Key> = { " ": { code: "Space", shift: false } };
  for (const letter of "abcdefghijklmnopqrstuvwxyz") {
    const code = `Key${letter.toUpperCase()}`;
    keys[letter] = { code, shift: false };
    keys[letter.toUpperCase()] = { code, shift: true };
  }
  for (const [code, characters] of Object.entries(US)) {
    if (code === "Space" || code === "IntlBackslash") continue;
    keys[characters[0] ?? ""] = { code, shift: false };
    keys[characters[1] ?? ""] = { code, shift: true };
  }
  return keys;
}

/** Where a German keyboard differs, as far as codes go. */
function german(): Record<string, Key> {
  return relabelled({
    ...{ KeyY: "zZ", KeyZ: "yY", Digit2: '2"', Digit3: "3§", Digit6: "6&", Digit7: "7/", Digit8: "8(", Digit9: "9)" },
    ...{ Digit0: "0=", Minus: "ß?", BracketLeft: "üÜ", BracketRight: "+*", Backslash: "#'", Semicolon: "öÖ" },
    ...{ Quote: "äÄ", Backquote: "^°", Comma: ",;", Period: ".:", Slash: "-_", Equal: "´`" },
  });
}

/** The same for a French one. */
function french(): Record<string, Key> {
  return relabelled({
    ...{ KeyA: "qQ", KeyQ: "aA", KeyW: "zZ", KeyZ: "wW", KeyM: ",?", Digit1: "&1", Digit2: "é2", Digit3: '"3' },
    ...{ Digit4: "'4", Digit5: "(5", Digit6: "-6", Digit7: "è7", Digit8: "_8", Digit9: "ç9", Digit0: "à0" },
    ...{ Minus: ")°", Equal: "=+", BracketLeft: "^¨", BracketRight: "$£", Backslash: "*µ", Semicolon: "mM" },
    ...{ Quote: "ù%", Backquote: "²~", Comma: ";.", Period: ":/", Slash: "!§" },
  });
}

function relabelled(labels: Record<string, string>): Record<string, Key> {
  const keys: Record<string, Key> = {};
  for (const [character, key] of Object.entries(usKeys())) {
    keys[labels[key.code]?.[key.shift ? 1 : 0] ?? character] = key;
  }
  return keys;
}
