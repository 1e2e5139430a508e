/** Numbers and moments as the operator's language writes them, in the plant's time zone. */

export interface Formats {
  number(value: number): string;
  time(moment: string | number): string;
  day(moment: string | number): string;
  /** With its day, unless that is today. */
  moment(moment: string | number, now: number): string;
}

export function formatsOf(locale: string, timeZone: string): Formats {
  const zone = isKnown(timeZone) ? { timeZone } : {};
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zone });
  const day = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", ...zone });
  return {
    number: (value) => number.format(value),
    time: (moment) => time.format(new Date(moment)),
    day: (moment) => day.format(new Date(moment)),
    moment: (moment, now) => {
      const date = new Date(moment);
      const clock = time.format(date);
      return day.format(date) === day.format(now) ? clock : `${day.format(date)}, ${clock}`;
    },
  };
}

/** A browser may be older than a plant's time zone: then its own is better than no page. */
function isKnown(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
    return true;
  } catch {
    return false;
  }
}
