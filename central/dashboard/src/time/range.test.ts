import { expect, it } from "vitest";
import { RANGE_MAX_MS, rangeOf, spanOf } from "./range.ts";

const NOW = Date.parse("2026-11-22T10:00:00Z");
const iso = (at: number) => new Date(at).toISOString();

it("today begins with the plant's day and goes on", () => {
  const range = rangeOf({}, NOW, "Europe/Berlin");
  expect([range.name, iso(range.from_ms), range.to_ms, range.live]).toEqual([
    "today",
    "2026-11-21T23:00:00.000Z",
    NOW,
    true,
  ]);
});

it("yesterday is whole and over", () => {
  const range = rangeOf({ range: "yesterday" }, NOW, "Europe/Berlin");
  expect([iso(range.from_ms), iso(range.to_ms), range.live]).toEqual([
    "2026-11-20T23:00:00.000Z",
    "2026-11-21T23:00:00.000Z",
    false,
  ]);
});

it("what makes no sense in an address is today", () => {
  for (const search of [{ from: "x", to: "y" }, { from: "2026-11-22T10:00:00Z", to: "2026-11-22T09:00:00Z" }, {}]) {
    expect(rangeOf({ range: "custom", ...search }, NOW, "UTC").name).toBe("today");
  }
});

it("a range is never longer than what central answers", () => {
  const range = rangeOf({ range: "custom", from: "2020-01-01T00:00:00Z", to: "2026-11-22T00:00:00Z" }, NOW, "UTC");
  expect(range.to_ms - range.from_ms).toBe(RANGE_MAX_MS);
});

it("a live range of a week is asked for to its end, past this moment", () => {
  const { from_ms } = rangeOf({ range: "week" }, NOW, "UTC");
  expect(spanOf({ from_ms, to_ms: undefined }, NOW)).toEqual({
    from: "2026-11-16T00:00:00.000Z",
    to: "2026-11-22T11:00:00.000Z",
  });
});
