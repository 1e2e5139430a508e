import { expect, test } from "vitest";
import { placeOf, places } from "./split";

const spanOf = (seconds: number) => ({ began: 1_000_000, ended: 1_000_000 + seconds * 1_000 });

test("a stop is split strictly inside", () => {
  for (let seconds = 0; seconds < 400; seconds += 7) {
    const span = spanOf(seconds);
    const most = places(span);
    if (most === 0) continue;
    expect(placeOf(span, 1)).toBeGreaterThan(span.began);
    expect(placeOf(span, most)).toBeLessThan(span.ended);
    expect(placeOf(span, most + 1)).toBeGreaterThanOrEqual(span.ended);
  }
});

test("a stop of a minute or less cannot be split", () => {
  expect([0, 30, 60, 61].map((seconds) => places(spanOf(seconds)))).toEqual([0, 0, 0, 1]);
});
