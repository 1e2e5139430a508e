import type { Page } from "@playwright/test";

/** Characters that a US keyboard types with Shift. */
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;
const KEYS: Record<string, string> = {
  ...Object.fromEntries(Array.from("abcdefghijklmnopqrstuvwxyz", (it) => [it, `Key${it.toUpperCase()}`])),
  ...Object.fromEntries(Array.from("0123456789", (it) => [it, `Digit${it}`])),
  ...Object.fromEntries(Array.from(")!@#$%^&*(", (it, digit) => [it, `Digit${digit}`])),
  ...{ "-": "Minus", _: "Minus", "=": "Equal", "+": "Equal", ";": "Semicolon", ":": "Semicolon", " ": "Space" },
  ...{
    "'": "Quote",
    '"': "Quote",
    ",": "Comma",
    "<": "Comma",
    ".": "Period",
    ">": "Period",
    "/": "Slash",
    "?": "Slash",
  },
};
const GAP_S = 0.008;

/** A scanner that acts as a keyboard: a key every 8 ms, and Enter. The keys come from the browser itself, not from the page. */
export async function scan(page: Page, code: string): Promise<void> {
  const keyboard = await page.context().newCDPSession(page);
  let timestamp = Date.now() / 1000;
  const strokes: Promise<unknown>[] = [];
  const press = (stroke: {
    key: string;
    code: string;
    text: string;
    modifiers?: number;
    windowsVirtualKeyCode?: number;
  }) => {
    strokes.push(keyboard.send("Input.dispatchKeyEvent", { type: "keyDown", timestamp, ...stroke }));
    strokes.push(keyboard.send("Input.dispatchKeyEvent", { type: "keyUp", timestamp, ...stroke }));
    timestamp += GAP_S;
  };
  for (const character of code) {
    const shift = SHIFTED.test(character);
    const key = KEYS[character.toLowerCase()] ?? "";
    press({ key: character, code: key, text: character, modifiers: shift ? 8 : 0 });
  }
  press({ key: "Enter", code: "Enter", text: "\r", windowsVirtualKeyCode: 13 });
  await Promise.all(strokes);
  await keyboard.detach();
}
