/** Where a stop may be split: whole minutes after it began, before it ended. */

const MINUTE_MS = 60_000;

export interface Span {
  began: number;
  ended: number;
}

/** How many places there are; 0 when the stop is too short. The first place is `placeOf(span, 1)`. */
export function places({ began, ended }: Span): number {
  return Math.max(0, Math.ceil((ended - began) / MINUTE_MS) - 1);
}

/** The moment so many minutes after it began. */
export const placeOf = ({ began }: Span, minutes: number): number => began + minutes * MINUTE_MS;
