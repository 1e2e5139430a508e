/** What every part of the page can see and do. */

import { createContext, useContext } from "react";
import type { Outcome, Waiting } from "../agent/outbox";
import type * as api from "../api";
import type { Formats } from "../formats";
import type { Question } from "../scanning/from-scanners";
import type { Texts } from "../texts/en";
import type { Language } from "../texts/language";

/** A scanned work order: where it is to be worked on, as far as the scan said, and where it was planned for. */
export type Order = Pick<api.ScannedOrder, "work_order" | "machine" | "planned_for">;

/** What is open over the page. One that a scanner of the agent asked for carries the question. */
export type Dialog =
  | { is: "log_on"; afterwards: ((operator: string) => void) | null; question?: Question }
  | { is: "pieces"; machine: string }
  | { is: "job"; machine: string }
  | { is: "finish"; machine: string }
  | { is: "start_where"; order: Order; question?: Question }
  | { is: "stops"; machine: string }
  | { is: "stop"; machine: string; stop: string }
  | { is: "note"; machine: string }
  | { is: "entries" }
  | { is: "central" };

/** Where each kind of entry goes. */
export interface Requests {
  "log-on": api.LogOn;
  "log-off": api.LogOff;
  job: api.JobChange;
  pieces: api.Pieces;
  "pieces/undo": api.Undo;
  "stop/reason": api.StopReason;
  "stop/note": api.StopNote;
  "stop/split": api.StopSplit;
  "shift-note": api.ShiftNote;
  help: api.Help;
  scan: api.Scan;
}

/** Whether the agent answers, and since when it is so. */
export interface Agent {
  answers: boolean;
  since: number;
}

export interface Station {
  view: api.View;
  agent: Agent;
  waiting: readonly Waiting[];
  /** Whose entries they are. */
  operator: string | null;
  chooseOperator(number: string): void;
  /** Runs it for the active operator; asks for a log-on first when there is none. */
  withOperator(run: (operator: string) => void): void;
  texts: Texts;
  formats: Formats;
  language: Language;
  setLanguage(language: Language): void;
  open(dialog: Dialog): void;
  close(): void;
  submit<Path extends keyof Requests>(path: Path, body: Requests[Path], label: string): Promise<Outcome>;
  withdraw(key: string): void;
  /** Somebody logged on at this page. */
  loggedOn(number: string): void;
}

export const StationContext = createContext<Station | null>(null);

export function useStation(): Station {
  const station = useContext(StationContext);
  if (!station) throw new Error("outside of the station");
  return station;
}
