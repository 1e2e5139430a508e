import { expect, test } from "vitest";
import { formatsOf } from "./formats";
import { de } from "./texts/de";
import { en } from "./texts/en";

const NIGHT = "2026-11-22T23:30:00.000Z";

test("numbers and moments are written as the operator's language does", () => {
  const english = formatsOf(en.locale, "Europe/Berlin");
  const german = formatsOf(de.locale, "Europe/Berlin");
  expect([english.number(12480), german.number(12480)]).toEqual(["12,480", "12.480"]);
  expect([english.time(NIGHT), german.time(NIGHT)]).toEqual(["00:30", "00:30"]);
});

test("moments are the plant's, whatever the browser's time zone", () => {
  expect(formatsOf("en-GB", "Asia/Kolkata").time(NIGHT)).toBe("05:00");
  expect(formatsOf("en-GB", "America/New_York").time(NIGHT)).toBe("18:30");
});

test("a moment of another day of the plant says its day", () => {
  const formats = formatsOf("en-GB", "Europe/Berlin");
  const now = Date.parse("2026-11-23T08:00:00Z");
  expect(formats.moment(NIGHT, now)).toBe("00:30");
  expect(formats.moment("2026-11-22T22:30:00Z", now)).toBe("Sun 22 Nov, 23:30");
});

test("a time zone that the browser does not know does no harm", () => {
  expect(formatsOf("en-GB", "Mars/Olympus").time(NIGHT)).toMatch(/^\d\d:\d\d$/);
});

test("no language leaves a text empty", () => {
  for (const texts of [en, de]) {
    for (const [key, text] of Object.entries(texts)) {
      if (typeof text === "string") expect(text.trim(), key).not.toBe("");
    }
  }
});
