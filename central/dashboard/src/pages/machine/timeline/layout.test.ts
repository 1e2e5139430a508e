import { describe, expect, it } from "vitest";
import type { Segment } from "../../../api/types.ts";
import { marks, moved, segmentAt, shares, VIEW_MIN_MS, zoomed } from "./layout.ts";

const at = (second: number) => new Date(second * 1000).toISOString();
const segment = (from: number, to: number, state: string): Segment => ({
  from: at(from),
  to: at(to),
  state,
  source_code: null,
  reason: null,
});
const view = (from: number, to: number) => ({ from_ms: from * 1000, to_ms: to * 1000 });

const DAY = [
  segment(0, 40_000, "running"),
  segment(40_000, 40_001, "stopped"),
  segment(40_001, 80_000, "running"),
  segment(80_000, 86_400, "no_data"),
];

describe("marks", () => {
  it("a stop of one second is seen on a whole day, over what runs beside it", () => {
    const found = marks(DAY, view(0, 86_400), 1000);
    expect(found.map((mark) => mark.state)).toEqual(["running", "running", "no_data", "stopped"]);
    expect(found.at(-1)?.width).toBe(2);
  });

  it("only what lies inside the view is drawn, cut to it", () => {
    const found = marks(DAY, view(39_990, 40_010), 200);
    expect(found.map((mark) => [mark.index, mark.x, mark.width])).toEqual([
      [0, 0, 100],
      [2, 110, 90],
      [1, 100, 10],
    ]);
  });

  it("thousands of flickers in one pixel are a few marks", () => {
    const flicker = Array.from({ length: 5000 }, (_, i) => segment(i, i + 1, i % 2 ? "running" : "stopped"));
    expect(marks(flicker, view(0, 5000), 100).length).toBeLessThan(500);
  });
});

describe("a view", () => {
  const whole = view(0, 1000);
  it("keeps the moment under the pointer in its place", () => {
    expect(zoomed(whole, whole, 0.5, 250_000)).toEqual(view(125, 625));
  });
  it("never leaves the whole, and never gets shorter than people can look at", () => {
    expect(zoomed(view(0, 100), whole, 100, 0)).toEqual(whole);
    expect(moved(view(900, 1000), whole, 5)).toEqual(view(900, 1000));
    const least = zoomed(whole, whole, 0.000001, 500_000);
    expect(least.to_ms - least.from_ms).toBeCloseTo(VIEW_MIN_MS);
  });
});

it("the segment at a moment is found, its end excluded", () => {
  expect([0, 39_999, 40_000, 86_399, 86_400, -1].map((second) => segmentAt(DAY, second * 1000))).toEqual([
    0, 0, 1, 3, -1, -1,
  ]);
});

it("shares of a view add up to it", () => {
  const found = shares(DAY, view(10_000, 86_400));
  expect(found).toEqual([
    { state: "running", ms: 69_999_000 },
    { state: "no_data", ms: 6_400_000 },
    { state: "stopped", ms: 1_000 },
  ]);
});
