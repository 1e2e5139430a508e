/** Numbers and moments as the reader's country writes them. Moments are shown in the plant's time zone, not the browser's. */

import { serverNow } from "./clock.ts";

const integer = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });

/** `12,480` */
export const numberText = (value: number): string => integer.format(value);

/** `12.48`, at most three digits behind the point. */
export const decimalText = (value: number): string => decimal.format(value);

/** `83 %` of a share of 0.83; what is there and less than half of one is not `0 %`. */
export const percentText = (value: number): string =>
  value > 0 && value < 0.005 ? `<\u00a0${share.format(0.01)}` : share.format(value);

type Moment = string | number | Date;

const STYLES = {
  /** `14:03` */
  time: { hour: "2-digit", minute: "2-digit" },
  /** `14:03:27` */
  timeToSecond: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  /** `14:03:27.512` */
  timeToMillisecond: { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 },
  /** `Sun 22 Nov`, `Mon 22 Nov 2027` */
  day: { weekday: "short", day: "numeric", month: "short" },
  /** `22 Nov, 14:03`, `22 Nov 2025, 14:03` */
  dayAndTime: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  /** `22 Nov 2026, 14:03:27` */
  full: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

export type MomentStyle = keyof typeof STYLES;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(key: string, options: Intl.DateTimeFormatOptions, timeZone: string | undefined) {
  const kept = `${key} ${timeZone ?? ""}`;
  let format = formats.get(kept);
  if (!format) {
    format = new Intl.DateTimeFormat(undefined, { ...options, hourCycle: "h23", ...(timeZone && { timeZone }) });
    formats.set(kept, format);
  }
  return format;
}

/**
 * A moment in words. `timeZone` is the plant's; the browser's when it is left out. A day of another year than that of
 * `now_ms` says which: what is good until November may be good for a year.
 */
export function momentText(moment: Moment, style: MomentStyle, timeZone?: string, now_ms = serverNow()): string {
  const date = new Date(moment);
  if (style === "day" || style === "dayAndTime") {
    const year = formatOf("year", { year: "numeric" }, timeZone);
    if (year.format(date) !== year.format(now_ms))
      return formatOf(`${style} of year`, { ...STYLES[style], year: "numeric" }, timeZone).format(date);
  }
  return formatOf(style, STYLES[style], timeZone).format(date);
}
