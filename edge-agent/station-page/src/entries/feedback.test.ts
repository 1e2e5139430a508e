import { expect, test } from "vitest";
import { de } from "../texts/de";
import { en } from "../texts/en";
import { notStoredText } from "./feedback";

test("why an entry is not stored yet is said in the language of the page", () => {
  const why = "It is not stored yet: this computer's disk does not take it. Try again; it is stored once.";
  expect(notStoredText(why, en)).toBe(why);
  expect(notStoredText(why, de)).toBe("Der Rechner der Station kann gerade nicht speichern.");
  expect(notStoredText(null, de)).toBe(de.not_stored_yet_hint);
});
