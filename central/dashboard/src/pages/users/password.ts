/** A password to hand over: four groups of five, of 32 letters that nobody takes for another: 100 bits. */
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

export function passwordFrom(bytes: Uint8Array): string {
  const letters = Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length] ?? "x").join("");
  return letters.match(/.{1,5}/g)?.join("-") ?? "";
}

export const newPassword = (): string => passwordFrom(crypto.getRandomValues(new Uint8Array(20)));
