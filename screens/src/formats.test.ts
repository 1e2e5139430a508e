import { expect, it } from "vitest";
import { momentText, percentText } from "./formats.ts";

const NOW = Date.parse("2026-11-22T10:00:00Z");

it("a day of this year goes without it, of another one with it", () => {
  for (const style of ["day", "dayAndTime"] as const) {
    expect(momentText("2026-01-05T10:00:00Z", style, "UTC", NOW)).not.toContain("2026");
    expect(momentText("2025-11-22T10:00:00Z", style, "UTC", NOW)).toContain("2025");
    expect(momentText("2027-11-22T10:00:00Z", style, "UTC", NOW)).toContain("2027");
  }
});

it("which year it is, the plant's clock says", () => {
  const at = "2026-12-31T23:30:00Z";
  expect(momentText(at, "day", "UTC", NOW)).not.toContain("202");
  expect(momentText(at, "day", "Europe/Berlin", NOW)).toContain("2027");
});

it("a share that is there is never nothing", () => {
  expect(percentText(0)).toMatch(/^0/);
  expect(percentText(0.004)).toMatch(/^<.*1/);
  expect(percentText(0.83)).toMatch(/^83/);
});
