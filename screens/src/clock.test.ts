import { describe, expect, it } from "vitest";
import { betterOffset } from "./clock.ts";

describe("the offset to the server's clock", () => {
  it("is the first sample", () => expect(betterOffset(undefined, -300)).toBe(-300));
  it("is not moved by a slower answer", () => expect(betterOffset(-20, -400)).toBe(-20));
  it("is moved by a faster one", () => expect(betterOffset(-400, -20)).toBe(-20));
  it("follows a clock that was set, in both directions", () => {
    expect(betterOffset(0, -3_600_000)).toBe(-3_600_000);
    expect(betterOffset(-3_600_000, 0)).toBe(0);
  });
});
