import { expect, it } from "vitest";
import { beginsAnew, RANGE_MAX_MS, rangeOf, spanOf } from "./range.ts";

const NOW = Date.parse("2026-11-22T10:00:00Z");
const iso = (at: number) => new Date(at).toISOString();

it("today begins with the plant's day and goes on", () => {
  const range = rangeOf({}, NOW, "Europe/Berlin", null);
  expect([range.name, iso(range.from_ms), range.to_ms, range.live]).toEqual([
    "today",
    "2026-11-21T23:00:00.000Z",
    NOW,
    true,
  ]);
});

it("yesterday is whole and over", () => {
  const range = rangeOf({ range: "yesterday" }, NOW, "Europe/Berlin", null);
  expect([iso(range.from_ms), iso(range.to_ms), range.live]).toEqual([
    "2026-11-20T23:00:00.000Z",
    "2026-11-21T23:00:00.000Z",
    false,
  ]);
});

it("what makes no sense in an address is today", () => {
  for (const search of [{ from: "x", to: "y" }, { from: "2026-11-22T10:00:00Z", to: "2026-11-22T09:00:00Z" }, {}]) {
    expect(rangeOf({ range: "custom", ...search }, NOW, "UTC", null).name).toBe("today");
  }
});

it("a range is never longer than what central answers", () => {
  const range = rangeOf(
    { range: "custom", from: "2020-01-01T00:00:00Z", to: "2026-11-22T00:00:00Z" },
    NOW,
    "UTC",
    null,
  );
  expect(range.to_ms - range.from_ms).toBe(RANGE_MAX_MS);
});

it("this shift goes on, and is today where the calendar has none", () => {
  const shift = { name: "Early", starts_ms: NOW - 3_600_000, ends_ms: NOW + 3_600_000 };
  expect(rangeOf({ range: "shift" }, NOW, "UTC", shift)).toEqual({
    name: "shift",
    from_ms: shift.starts_ms,
    to_ms: NOW,
    live: true,
  });
  expect(rangeOf({ range: "shift" }, NOW, "UTC", null).name).toBe("today");
});

it("a live range is asked for without its end, any other with it", () => {
  const live = spanOf(rangeOf({ range: "week" }, NOW, "UTC", null));
  expect(live).toEqual({ from: "2026-11-16T00:00:00.000Z" });
  const over = spanOf(rangeOf({ range: "yesterday" }, NOW, "UTC", null));
  expect(over).toEqual({ from: "2026-11-21T00:00:00.000Z", to: "2026-11-22T00:00:00.000Z" });
});

it("today on a page that is left open begins anew with the plant's day, and not before", () => {
  const at = (moment: string) => beginsAnew("today", Date.parse(moment), "Europe/Berlin");
  expect(at("2026-11-22T22:59:59Z")).toBe(at("2026-11-22T00:00:00Z"));
  expect(at("2026-11-22T23:00:00Z")).not.toBe(at("2026-11-22T22:59:59Z"));
});

it("the last hours slide every few minutes", () => {
  for (const name of ["8h", "24h"] as const) {
    const at = (later_ms: number) => beginsAnew(name, NOW + later_ms, "UTC");
    expect(at(299_999)).toBe(at(0));
    expect(at(300_000)).not.toBe(at(0));
  }
});

it("24 hours are those that the board counts unexplained stops of", () => {
  const range = rangeOf({ range: "24h" }, NOW, "UTC", null);
  expect([iso(range.from_ms), range.live]).toEqual(["2026-11-21T10:00:00.000Z", true]);
});
