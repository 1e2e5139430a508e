/** Days of a plant in its time zone. Pure; days of 23 and 25 hours come out right. */

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(time_zone: string): Intl.DateTimeFormat {
  let format = formats.get(time_zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: time_zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(time_zone, format);
  }
  return format;
}

/** What the plant's clock shows, as if it were UTC. */
function wallClock(at_ms: number, time_zone: string): number {
  const part: Record<string, number> = {};
  for (const { type, value } of formatOf(time_zone).formatToParts(at_ms)) part[type] = Number(value);
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((at_ms % 1000) + 1000) % 1000);
}

/** The moment at which the plant's clock shows this; where it never does, just after the gap. */
function momentOf(wall_ms: number, time_zone: string): number {
  let moment = wall_ms;
  for (let step = 0; step < 3; step += 1) {
    const off = wall_ms - wallClock(moment, time_zone);
    if (off === 0) return moment;
    moment += off;
  }
  return moment;
}

const DAY_MS = 86_400_000;

/** The plant's midnight `days` days from the day of `at_ms`. */
export function midnight(at_ms: number, time_zone: string, days = 0): number {
  const wall = wallClock(at_ms, time_zone);
  return momentOf(wall - (((wall % DAY_MS) + DAY_MS) % DAY_MS) + days * DAY_MS, time_zone);
}

/** For `<input type="datetime-local" step="1">`: `2026-11-22T14:03:27` by the plant's clock. */
export const toLocalInput = (at_ms: number, time_zone: string): string =>
  new Date(wallClock(at_ms, time_zone)).toISOString().slice(0, 19);

/** What was typed there, as a moment; NaN when it is none. */
export function fromLocalInput(text: string, time_zone: string): number {
  const wall = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  return Number.isNaN(wall) ? Number.NaN : momentOf(wall, time_zone);
}

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map(
  (seconds) => seconds * 1000,
);

/** Round moments of the plant's clock, at most `most` of them between two moments. */
export function ticks(
  from_ms: number,
  to_ms: number,
  time_zone: string,
  most: number,
): { step_ms: number; at: number[] } {
  const wanted = (to_ms - from_ms) / Math.max(1, most);
  const days = Math.ceil(wanted / DAY_MS);
  const step_ms = STEPS_MS.find((step) => step >= wanted) ?? days * DAY_MS;
  const at: number[] = [];
  const first = Math.ceil(wallClock(from_ms, time_zone) / step_ms) * step_ms;
  for (let wall = first; at.length <= most + 1; wall += step_ms) {
    const moment = momentOf(wall, time_zone);
    if (moment > to_ms) break;
    // The hour that a clock shows twice is one step on the way, not two.
    if (moment >= from_ms && moment !== at.at(-1)) at.push(moment);
  }
  return { step_ms, at };
}
