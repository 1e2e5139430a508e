import { expect, it } from "vitest";
import { presentShift } from "./present-shift.ts";

const shift = (name: string, from: string, to: string) => ({
  name,
  starts_at: `2026-11-22T${from}:00Z`,
  ends_at: `2026-11-22T${to}:00Z`,
});
const at = (time: string) => Date.parse(`2026-11-22T${time}:00Z`);

it("a shift is present from its first moment on and not at its end", () => {
  const calendar = [shift("Early", "06:00", "14:00"), shift("Late", "14:00", "22:00")];
  const name = (time: string) => presentShift(calendar, at(time))?.name ?? null;
  expect(["05:59", "06:00", "13:59", "14:00", "22:00"].map(name)).toEqual([null, "Early", "Early", "Late", null]);
});

it("of overlapping shifts the one that began last is present", () => {
  const calendar = [shift("Late", "13:30", "22:00"), shift("Early", "06:00", "14:00")];
  expect(presentShift(calendar, at("13:45"))).toEqual({
    name: "Late",
    starts_ms: at("13:30"),
    ends_ms: at("22:00"),
  });
});
