import { expect, test } from "vitest";
import { newPassword, passwordFrom } from "./password.ts";

test("a password is four groups of five letters that are not taken for each other", () => {
  expect(newPassword()).toMatch(/^[a-kmnp-z2-9]{5}(-[a-kmnp-z2-9]{5}){3}$/);
});

test("every letter is as likely as any other", () => {
  const letters = passwordFrom(Uint8Array.from({ length: 256 }, (_, byte) => byte)).replaceAll("-", "");
  const counts = new Map<string, number>();
  for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  expect(new Set(counts.values())).toEqual(new Set([8]));
});
