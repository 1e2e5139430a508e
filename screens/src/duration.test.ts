import { describe, expect, it } from "vitest";
import { ageText, durationText, roundDurationText } from "./duration.ts";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("a duration", () => {
  it.each([
    [0, "0 s"],
    [-5_000, "0 s"],
    [999, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min 00 s"],
    [252_000, "4 min 12 s"],
    [3_600_000, "1 h 00 min"],
    [11_220_000, "3 h 07 min"],
    [86_400_000, "1 d 00 h"],
    [187_200_000, "2 d 04 h"],
  ])("of %d ms is %s", (ms, text) => expect(plain(durationText(ms))).toBe(text));

  it.each([
    [1_500, "1 s"],
    [252_000, "4 min"],
    [11_220_000, "3 h"],
    [187_200_000, "2 d"],
  ])("of %d ms rounds to %s", (ms, text) => expect(plain(roundDurationText(ms))).toBe(text));
});

it("an age is told as past", () => expect(plain(ageText(3_000))).toBe("3 s ago"));
