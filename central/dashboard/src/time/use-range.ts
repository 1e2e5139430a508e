import { useCallback, useMemo } from "react";
import { serverNow, useAsTimePasses } from "screens";
import type { Plant } from "../session/session.ts";
import type { Shift } from "./present-shift.ts";
import { beginsAnew, type Range, type RangeSearch, rangeOf } from "./range.ts";
import { usePresentShift } from "./shift.ts";

export interface ChosenRange {
  range: Range;
  shift: Shift | null;
  time_zone: string;
}

/**
 * The range of the address, by the clock and the calendar of a plant. It keeps its beginning for as long as its name
 * allows: what belongs to the last moments comes by itself. Undefined as long as it is not known which shift it is.
 */
export function useRange(
  { range: name, from, to }: RangeSearch,
  plant: Plant | undefined,
  time_zone = plant?.time_zone ?? "UTC",
): ChosenRange | undefined {
  const present = usePresentShift(plant?.name);
  const shift = present ?? null;
  const begins = useAsTimePasses(useCallback((now) => beginsAnew(name, now, time_zone), [name, time_zone]));
  // biome-ignore lint/correctness/useExhaustiveDependencies: the page may be open longer than a day
  const range = useMemo(
    () => rangeOf({ range: name, from, to }, serverNow(), time_zone, shift),
    [name, from, to, time_zone, shift, begins],
  );
  return name === "shift" && present === undefined ? undefined : { range, shift, time_zone };
}
