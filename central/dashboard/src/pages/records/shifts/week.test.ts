import { describe, expect, test } from "vitest";
import { faultOf, lengthOf, mondayOf, THREE_SHIFTS, weekText } from "./week.ts";

test("a Sunday belongs to the week that began on Monday", () => {
  expect(mondayOf("2026-11-22")).toBe("2026-11-16");
  expect(mondayOf("2026-11-23")).toBe("2026-11-23");
  expect(mondayOf("2026-12-30", 1)).toBe("2027-01-04");
});

describe("a pattern", () => {
  test("runs over midnight", () => {
    expect(lengthOf({ starts: "22:00", ends: "06:00" })).toBe(480);
    expect(lengthOf({ starts: "06:00", ends: "06:00" })).toBe(1_440);
  });

  test("says what comes of it", () => {
    expect(weekText(THREE_SHIFTS)).toBe("15 shifts and 120 h a week");
  });

  test("says what is missing", () => {
    expect(faultOf(THREE_SHIFTS)).toBeUndefined();
    expect(faultOf([])).toBe("At least one shift is needed.");
    expect(faultOf([{ key: 1, name: "Early", days: [], starts: "06:00", ends: "14:00" }])).toBe(
      "Early begins on no day.",
    );
  });
});
