/** Numbers and moments as the reader's country writes them. Moments are shown in the plant's time zone, not the browser's. */

const integer = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });

/** `12,480` */
export const numberText = (value: number): string => integer.format(value);

/** `12.48`, at most three digits behind the point. */
export const decimalText = (value: number): string => decimal.format(value);

/** `83 %` of a share of 0.83. */
export const percentText = (value: number): string => share.format(value);

type Moment = string | number | Date;

const STYLES = {
  /** `14:03` */
  time: { hour: "2-digit", minute: "2-digit" },
  /** `14:03:27` */
  timeToSecond: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  /** `14:03:27.512` */
  timeToMillisecond: { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 },
  /** `Sun 22 Nov` */
  day: { weekday: "short", day: "numeric", month: "short" },
  /** `22 Nov, 14:03` */
  dayAndTime: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  /** `22 Nov 2026, 14:03:27` */
  full: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

export type MomentStyle = keyof typeof STYLES;

const formats = new Map<string, Intl.DateTimeFormat>();

/** A moment in words. `timeZone` is the plant's; the browser's when it is left out. */
export function momentText(moment: Moment, style: MomentStyle, timeZone?: string): string {
  const key = `${style} ${timeZone ?? ""}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(undefined, { ...STYLES[style], hourCycle: "h23", ...(timeZone && { timeZone }) });
    formats.set(key, format);
  }
  return format.format(new Date(moment));
}
