/** Which stretch of time a page shows. In the address, so that it can be bookmarked and sent. */
import type { Shift } from "./present-shift.ts";
import { midnight } from "./zone.ts";

export const RANGES = ["shift", "8h", "24h", "today", "yesterday", "week", "custom"] as const;
export type RangeName = (typeof RANGES)[number];

export interface RangeSearch {
  range?: RangeName | undefined;
  /** Of `custom` only; moments as ISO 8601. */
  from?: string | undefined;
  to?: string | undefined;
}

export interface Range {
  name: RangeName;
  from_ms: number;
  to_ms: number;
  /** Whether it ends with this moment and moves on with it. */
  live: boolean;
}

export const RANGE_WORDS: Record<RangeName, string> = {
  shift: "This shift",
  "8h": "8 hours",
  "24h": "24 hours",
  today: "Today",
  yesterday: "Yesterday",
  week: "7 days",
  custom: "From – to",
};

const HOUR_MS = 3_600_000;
/** What one question to central may span. */
export const RANGE_MAX_MS = 31 * 24 * HOUR_MS;

/** Without a present shift, "this shift" is today. */
export function rangeOf(search: RangeSearch, now_ms: number, time_zone: string, shift: Shift | null): Range {
  const custom = search.range === "custom" ? customRange(search) : undefined;
  if (custom) return { ...custom, live: false };
  if (search.range === "shift" && shift) return { name: "shift", from_ms: shift.starts_ms, to_ms: now_ms, live: true };
  switch (search.range) {
    case "8h":
      return { name: "8h", from_ms: now_ms - 8 * HOUR_MS, to_ms: now_ms, live: true };
    case "24h":
      return { name: "24h", from_ms: now_ms - 24 * HOUR_MS, to_ms: now_ms, live: true };
    case "yesterday":
      return {
        name: "yesterday",
        from_ms: midnight(now_ms, time_zone, -1),
        to_ms: midnight(now_ms, time_zone),
        live: false,
      };
    case "week":
      return { name: "week", from_ms: midnight(now_ms, time_zone, -6), to_ms: now_ms, live: true };
    default:
      return { name: "today", from_ms: midnight(now_ms, time_zone), to_ms: now_ms, live: true };
  }
}

const SLIDES_EVERY_MS = 300_000;

/**
 * When this changes, a range on an open page begins elsewhere: "today" with the plant's day, "8 hours" some minutes later.
 * Short of that it keeps its beginning, and what is asked of it its place.
 */
export const beginsAnew = (name: RangeName | undefined, now_ms: number, time_zone: string): number =>
  name === "8h" || name === "24h" ? Math.floor(now_ms / SLIDES_EVERY_MS) : midnight(now_ms, time_zone);

/** The span to ask for. A live range is asked for without its end: it ends now, by central's clock. */
export const spanOf = ({ from_ms, to_ms, live }: Pick<Range, "from_ms" | "to_ms" | "live">) => ({
  from: new Date(from_ms).toISOString(),
  ...(!live && { to: new Date(to_ms).toISOString() }),
});

function customRange({ from, to }: RangeSearch) {
  const [from_ms, to_ms] = [Date.parse(from ?? ""), Date.parse(to ?? "")];
  if (Number.isNaN(from_ms) || Number.isNaN(to_ms) || from_ms >= to_ms) return undefined;
  return { name: "custom" as const, from_ms: Math.max(from_ms, to_ms - RANGE_MAX_MS), to_ms };
}
