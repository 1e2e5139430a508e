/** Spans of time in words of two units: exact enough to act on, short enough to read from afar. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A thin space that does not break: "4 min 12 s" stays on its line. */
const GAP = "\u00a0";

/** `12 s`, `4 min 12 s`, `3 h 07 min`, `2 d 04 h`. What is negative, by a clock ahead of the server's, is nothing. */
export function durationText(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < MINUTE) return `${Math.floor(whole / SECOND)}${GAP}s`;
  if (whole < HOUR) return pair(whole, MINUTE, "min", SECOND, "s");
  if (whole < DAY) return pair(whole, HOUR, "h", MINUTE, "min");
  return pair(whole, DAY, "d", HOUR, "h");
}

function pair(ms: number, unit: number, word: string, part: number, partWord: string): string {
  const rest = Math.floor((ms % unit) / part);
  return `${Math.floor(ms / unit)}${GAP}${word}${GAP}${String(rest).padStart(2, "0")}${GAP}${partWord}`;
}

/** The same in one unit, for ages: `2 s`, `4 min`, `3 h`, `2 d`. */
export function roundDurationText(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < MINUTE) return `${Math.floor(whole / SECOND)}${GAP}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}${GAP}min`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}${GAP}h`;
  return `${Math.floor(whole / DAY)}${GAP}d`;
}

/** `3 s ago`. */
export function ageText(ms: number): string {
  return `${roundDurationText(ms)} ago`;
}
