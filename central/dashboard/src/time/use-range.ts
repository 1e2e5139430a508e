import { useMemo } from "react";
import { serverNow } from "screens";
import type { Plant } from "../session/session.ts";
import type { Shift } from "./present-shift.ts";
import { type Range, type RangeSearch, rangeOf } from "./range.ts";
import { usePresentShift } from "./shift.ts";

export interface ChosenRange {
  range: Range;
  shift: Shift | null;
  time_zone: string;
}

/**
 * The range of the address, by the clock and the calendar of a plant. It stays what it was when its address came: what
 * belongs to the last moments comes by itself. Undefined as long as it is not known which shift it is.
 */
export function useRange(
  { range: name, from, to }: RangeSearch,
  plant: Plant | undefined,
  time_zone = plant?.time_zone ?? "UTC",
): ChosenRange | undefined {
  const present = usePresentShift(plant?.name);
  const shift = present ?? null;
  const range = useMemo(
    () => rangeOf({ range: name, from, to }, serverNow(), time_zone, shift),
    [name, from, to, time_zone, shift],
  );
  return name === "shift" && present === undefined ? undefined : { range, shift, time_zone };
}
