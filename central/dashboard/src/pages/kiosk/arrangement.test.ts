import { describe, expect, it } from "vitest";
import { arrangement, capacity, screenfuls } from "./arrangement.ts";

describe("an arrangement", () => {
  it("has room for all, whatever the screen", () => {
    for (const [width, height] of [
      [1920, 1080],
      [3840, 2160],
      [390, 844],
      [1080, 1920],
    ] as const) {
      for (const count of [1, 2, 7, 24, 60, 200]) {
        const { columns, rows, font_px } = arrangement(count, width, height, 12);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(font_px).toBeGreaterThan(0);
      }
    }
  });

  it("on a screen of twice the size is the same, twice as large", () => {
    const small = arrangement(20, 1920, 1080, 10);
    const large = arrangement(20, 3840, 2160, 20);
    expect([large.columns, large.rows]).toEqual([small.columns, small.rows]);
    expect(large.font_px).toBeCloseTo(2 * small.font_px);
  });
});

it("as many as a screen holds are not smaller than can be read", () => {
  const holds = capacity(1920, 1000, 12, 17);
  expect(arrangement(holds, 1920, 1000, 12).font_px).toBeGreaterThanOrEqual(17);
});

describe("screenfuls", () => {
  const line = (title: string, count: number) => ({
    title,
    ids: Array.from({ length: count }, (_, i) => `${title}${i}`),
  });

  it("small lines share one, none is cut that fits", () => {
    const found = screenfuls([line("A", 6), line("B", 5), line("C", 4)], 12);
    expect(found.map((one) => [one.title, one.ids.length])).toEqual([
      ["A · B", 11],
      ["C", 4],
    ]);
  });

  it("a line that fits no screen takes several of like size, and nobody is lost", () => {
    const found = screenfuls([line("A", 25)], 12);
    expect(found.map((one) => [one.title, one.ids.length])).toEqual([
      ["A 1/3", 9],
      ["A 2/3", 9],
      ["A 3/3", 7],
    ]);
    expect(new Set(found.flatMap((one) => one.ids)).size).toBe(25);
  });
});
