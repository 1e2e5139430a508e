/** A weekly pattern of shifts as people draw it. Pure. */
import type { Schema } from "../../../api/types.ts";

export type Day = Schema<"Day">;

export const DAYS: readonly { day: Day; short: string }[] = [
  { day: "monday", short: "Mon" },
  { day: "tuesday", short: "Tue" },
  { day: "wednesday", short: "Wed" },
  { day: "thursday", short: "Thu" },
  { day: "friday", short: "Fri" },
  { day: "saturday", short: "Sat" },
  { day: "sunday", short: "Sun" },
];

export interface PatternRow {
  key: number;
  name: string;
  days: readonly Day[];
  starts: string;
  ends: string;
}

const WORKDAYS: readonly Day[] = ["monday", "tuesday", "wednesday", "thursday", "friday"];

/** What most plants begin from. */
export const THREE_SHIFTS: readonly PatternRow[] = [
  { key: 1, name: "Early", days: WORKDAYS, starts: "06:00", ends: "14:00" },
  { key: 2, name: "Late", days: WORKDAYS, starts: "14:00", ends: "22:00" },
  { key: 3, name: "Night", days: WORKDAYS, starts: "22:00", ends: "06:00" },
];

/** The Monday of a day `2026-11-22`, weeks later or earlier. */
export function mondayOf(day: string, weeks = 0): string {
  const date = new Date(`${day}T00:00:00Z`);
  const since_monday = (date.getUTCDay() + 6) % 7;
  date.setUTCDate(date.getUTCDate() - since_monday + weeks * 7);
  return date.toISOString().slice(0, 10);
}

const minutes = (time: string): number => {
  const [hours = 0, rest = 0] = time.split(":").map(Number);
  return hours * 60 + rest;
};

/** Minutes that a shift lasts; over midnight when it does not end after its start. */
export function lengthOf({ starts, ends }: Pick<PatternRow, "starts" | "ends">): number {
  const span = minutes(ends) - minutes(starts);
  return span > 0 ? span : span + 24 * 60;
}

/** What is wrong with a pattern, in words; none when it can be sent. */
export function faultOf(pattern: readonly PatternRow[]): string | undefined {
  if (pattern.length === 0) return "At least one shift is needed.";
  for (const row of pattern) {
    if (row.name.trim() === "") return "Every shift needs a name.";
    if (row.days.length === 0) return `${row.name} begins on no day.`;
    if (!/^\d\d:\d\d$/.test(row.starts) || !/^\d\d:\d\d$/.test(row.ends))
      return `${row.name} needs a start and an end.`;
  }
  return undefined;
}

/** `15 shifts and 120 h a week`. */
export function weekText(pattern: readonly PatternRow[]): string {
  const count = pattern.reduce((sum, row) => sum + row.days.length, 0);
  const hours = pattern.reduce((sum, row) => sum + row.days.length * lengthOf(row), 0) / 60;
  return `${count} ${count === 1 ? "shift" : "shifts"} and ${Math.round(hours * 10) / 10} h a week`;
}
