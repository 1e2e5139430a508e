import { durationText } from "screens/duration.ts";
import type { Reason, Stop, StopEntry } from "../api/types.ts";

/** How long a stop lasted, or lasts at `now_ms`. */
export const lengthOf = (stop: Stop, now_ms: number): number =>
  stop.lasted_us != null && stop.ended_at != null
    ? stop.lasted_us / 1000
    : Date.parse(stop.ended_at ?? new Date(now_ms).toISOString()) - Date.parse(stop.began_at);

/** Who said it: by name where there is one. */
export const sayer = (said: {
  operator?: string | null;
  operator_name?: string | null;
  entered_by?: string | null;
  entered_by_name?: string | null;
}): string => said.entered_by_name ?? said.entered_by ?? said.operator_name ?? said.operator ?? "the machine";

/** One line for an entry of a stop's history, without who and when. */
export function entryText(entry: StopEntry): string {
  switch (entry.change) {
    case "began":
      return entry.detected_by === "missing_counts"
        ? "Began: no piece came for too long"
        : "Began: the machine said so";
    case "ended":
      return entry.lasted_us == null ? "Ended" : `Ended after ${durationText(entry.lasted_us / 1000)}`;
    case "reason":
      return `Reason: ${entry.reason_title || entry.reason || ""}`;
    case "note":
      return `Note: ${entry.note ?? ""}`;
    case "split":
      return "Split";
    default:
      return entry.change;
  }
}

export interface ReasonGroup {
  title: string;
  reasons: Reason[];
}

const byTitle = new Intl.Collator(undefined, { numeric: true }).compare;

/** Unplanned first: they are what one looks for. In each group by title; `wanted` is looked for in code and title. */
export function reasonGroups(reasons: readonly Reason[], wanted: string): ReasonGroup[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const found = reasons.filter((reason) => {
    const text = `${reason.code} ${reason.title}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const group = (title: string, planned: boolean): ReasonGroup => ({
    title,
    reasons: found
      .filter((reason) => reason.planned === planned)
      .sort((a, b) => byTitle(a.title || a.code, b.title || b.code)),
  });
  return [group("Unplanned", false), group("Planned", true)].filter(({ reasons: some }) => some.length > 0);
}

/** Whether a person gave the reason: replacing it then wants a why. */
export const givenByPerson = (stop: Stop): boolean =>
  stop.reason != null && (stop.reason.operator != null || stop.reason.entered_by != null);
