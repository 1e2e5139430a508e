import { describe, expect, it } from "vitest";
import { fromLocalInput, midnight, ticks, toLocalInput } from "./zone.ts";

const BERLIN = "Europe/Berlin";
const ms = (text: string) => Date.parse(text);
const iso = (at: number) => new Date(at).toISOString();

describe("the plant's midnight", () => {
  it("is that of its zone, not of the browser's", () => {
    expect(iso(midnight(ms("2026-11-22T23:30:00Z"), BERLIN))).toBe("2026-11-22T23:00:00.000Z");
    expect(iso(midnight(ms("2026-07-01T10:00:00Z"), BERLIN))).toBe("2026-06-30T22:00:00.000Z");
    expect(iso(midnight(ms("2026-07-01T10:00:00Z"), "Asia/Kolkata"))).toBe("2026-06-30T18:30:00.000Z");
  });

  it("is right across days of 23 and 25 hours", () => {
    const summer_begins = ms("2026-03-29T12:00:00Z");
    expect(midnight(summer_begins, BERLIN, 1) - midnight(summer_begins, BERLIN)).toBe(23 * 3_600_000);
    const summer_ends = ms("2026-10-25T12:00:00Z");
    expect(midnight(summer_ends, BERLIN, 1) - midnight(summer_ends, BERLIN)).toBe(25 * 3_600_000);
  });
});

it("a moment survives the way through an input, by the plant's clock", () => {
  const at = ms("2026-11-22T14:03:27Z");
  expect(toLocalInput(at, BERLIN)).toBe("2026-11-22T15:03:27");
  expect(fromLocalInput("2026-11-22T15:03:27", BERLIN)).toBe(at);
  expect(fromLocalInput("2026-11-22T15:03", BERLIN)).toBe(ms("2026-11-22T14:03:00Z"));
  expect(fromLocalInput("soon", BERLIN)).toBeNaN();
});

describe("ticks", () => {
  it("stand on round moments of the plant's clock", () => {
    const found = ticks(ms("2026-11-22T10:07:00Z"), ms("2026-11-22T14:00:00Z"), "Asia/Kolkata", 6);
    expect(found.step_ms).toBe(3_600_000);
    expect(found.at.map(iso)).toEqual([
      "2026-11-22T10:30:00.000Z",
      "2026-11-22T11:30:00.000Z",
      "2026-11-22T12:30:00.000Z",
      "2026-11-22T13:30:00.000Z",
    ]);
  });

  it("are never more than asked for, whatever the span", () => {
    for (const length of [900, 60_000, 3_600_000, 90 * 86_400_000]) {
      expect(
        ticks(ms("2026-11-22T10:07:00Z"), ms("2026-11-22T10:07:00Z") + length, BERLIN, 8).at.length,
      ).toBeLessThanOrEqual(9);
    }
  });
});
