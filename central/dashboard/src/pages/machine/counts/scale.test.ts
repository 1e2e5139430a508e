import { expect, it } from "vitest";
import { countTicks } from "./scale.ts";

it("steps are round and reach over the highest count", () => {
  expect(countTicks(0, 4)).toEqual([0]);
  expect(countTicks(3, 4)).toEqual([0, 1, 2, 3]);
  expect(countTicks(97, 4)).toEqual([0, 50, 100]);
  expect(countTicks(1284, 4)).toEqual([0, 500, 1000, 1500]);
});

it("pieces are never cut", () => {
  expect(countTicks(1, 10).every(Number.isInteger)).toBe(true);
});
