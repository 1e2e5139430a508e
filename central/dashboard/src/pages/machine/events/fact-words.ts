/** One line for each kind of event. Pure. */
import { durationText } from "screens/duration.ts";
import { decimalText, numberText } from "screens/formats.ts";
import { shownState, stateWord } from "screens/machine-state.ts";
import type { Fact } from "../../../api/types.ts";

export type FactKind = Fact["kind"];

export const KIND_WORDS: Record<FactKind, string> = {
  count: "Count",
  state: "State",
  downtime: "Stop",
  scan: "Scan",
  measurement: "Measurement",
  job: "Job",
  shift_log: "Shift log",
  alarm: "Alarm",
  gap: "Gap",
  piece_entry: "Pieces entered",
};

export function factText(fact: Fact): string {
  switch (fact.kind) {
    case "count":
      return `${fact.delta < 0 ? "−" : "+"}${numberText(Math.abs(fact.delta))} ${fact.quality}`;
    case "state":
      return [stateWord(shownState(fact.state)), fact.reason, fact.source_code].filter(Boolean).join(" · ");
    case "downtime":
      return [
        `#${fact.stop} ${fact.change}`,
        fact.lasted_us != null && durationText(fact.lasted_us / 1000),
        fact.reason,
        fact.note,
      ]
        .filter(Boolean)
        .join(" · ");
    case "scan":
      return fact.text;
    case "measurement": {
      const value = fact.number != null ? decimalText(fact.number) : (fact.text ?? String(fact.bool ?? ""));
      return `${fact.signal} ${value}${fact.unit ? ` ${fact.unit}` : ""}`;
    }
    case "job":
      return [fact.action, fact.work_order, fact.operator].filter(Boolean).join(" · ");
    case "shift_log":
      return [fact.entry.replace("_", " "), fact.operator, fact.note].filter(Boolean).join(" · ");
    case "alarm":
      return [fact.active ? "active" : "over", fact.code, fact.text].filter(Boolean).join(" · ");
    case "gap":
      return [fact.cause, fact.lost != null && `${numberText(fact.lost)} lost`, fact.text].filter(Boolean).join(" · ");
    case "piece_entry": {
      const pieces = (["good", "scrap", "rework"] as const).filter((quality) => fact[quality] !== 0);
      const words = pieces.map((quality) => `${numberText(fact[quality])} ${quality}`).join(", ");
      return [fact.takes_back ? `takes back ${words}` : words, fact.reason, fact.operator].filter(Boolean).join(" · ");
    }
  }
}

/** Everything an event carries, name by name, as it was recorded: down to the raw reading. */
export function factDetails(fact: Fact): [name: string, value: string][] {
  return Object.entries(fact).flatMap(([name, value]): [string, string][] => {
    if (value === null || value === undefined || name === "kind") return [];
    return [[name, typeof value === "object" ? JSON.stringify(value) : String(value)]];
  });
}
