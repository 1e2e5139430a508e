/**
 * What the page and the agent say to each other, under `/api/station`. The agent's side is `edge-agent/src/station`.
 *
 * `GET view` answers a `View`; `GET live` is a stream of server-sent events: `view` whenever it changed, `heartbeat`
 * every 5 s. Every `POST` carries an id that the page made (a UUID): sent twice, it is stored once and answered alike.
 * It is answered with `Stored` only when the entry is durable on this computer, or with a `Refusal` and 4xx. `POST`s
 * are JSON from this page's own origin; anything else is refused.
 */

export type MachineState = "running" | "idle" | "stopped" | "setup" | "maintenance" | "break" | "off" | "no_data";

/** Microseconds and the like never reach the page: moments are RFC 3339 with milliseconds. */
export type Moment = string;

export interface View {
  at: Moment;
  station: string;
  plant: string;
  time_zone: string;
  central: Central;
  /** Log-ons survive a restart of the page, the agent and the computer. */
  operators: LoggedOn[];
  machines: Machine[];
  /** Active work orders, due first; those of other machines last. At most `WORK_ORDERS_SHOWN`. */
  work_orders: WorkOrder[];
  /** Reasons for stops and for scrap and rework. */
  reasons: { downtime: Reason[]; pieces: Reason[] };
  /** What was entered at this station, newest first: the last 50 of the last 24 hours. */
  entries: Entry[];
  /** Whether anybody can log on: false until master data has come once. */
  ready_for_operators: boolean;
  /** How long an entry of pieces may be taken back. */
  undo_s: number;
  /** What scanners of the agent read for this station, newest last: at most 8 of the last 10 minutes. */
  from_scanners: FromScanner[];
  /** Pages that watch this station, this one included. */
  pages: number;
}

/** A code that a scanner of the agent read. What the page would have been answered, had it been scanned here. */
export interface FromScanner {
  id: string;
  at: Moment;
  scanner: string;
  /** Null of a badge. */
  code: string | null;
  /** A refused code is stored all the same, unless it is a badge; what it asks for is not done. */
  outcome: { is: "stored"; stored: Scanned } | { is: "refused"; refusal: Refusal };
}

/** More are not listed; any can be scanned. */
export const WORK_ORDERS_SHOWN = 200;

export interface Central {
  reachable: boolean;
  /** Since when it is so. */
  since: Moment;
  /** Events of this agent that have not reached central. */
  waiting_events: number;
  /** Why not, when it is not reachable. */
  reason: string | null;
  last_sync_at: Moment | null;
}

export interface LoggedOn {
  number: string;
  name: string;
  since: Moment;
}

export interface Machine {
  name: string;
  title: string;
  state: MachineState;
  state_since: Moment;
  last_reading_at: Moment | null;
  /** True when the machine counts its own pieces: scrap and rework are then taken from its good ones. */
  counts_itself: boolean;
  /** Pieces of the current shift by the plant's calendar, else of the plant's day. */
  pieces: { good: number; scrap: number; rework: number; since: Moment; of: "shift" | "day" };
  job: Job | null;
  /**
   * Newest first, at most 20 of the last 24 hours, each in the parts that central made of it; microstops only while they
   * run.
   */
  stops: Stop[];
  help_called_at: Moment | null;
}

export interface Job {
  work_order: string;
  product: string;
  product_title: string;
  quantity: number | null;
  good: number;
  since: Moment;
  paused: boolean;
}

export interface WorkOrder {
  code: string;
  product: string;
  product_title: string;
  machine: string | null;
  quantity: number | null;
  due_at: Moment | null;
}

export interface Reason {
  code: string;
  title: string;
  planned: boolean;
}

export interface Stop {
  /** A text: it may exceed what JavaScript counts exactly. */
  stop: string;
  began_at: Moment;
  /** Null while it lasts. */
  ended_at: Moment | null;
  /** The one that holds. */
  reason: string | null;
  note: string | null;
  /** Of a reason that was given at central: it holds, whatever is entered here. */
  corrected: Corrected | null;
  /** Of a part that was split off at central, with a number below zero: nothing can be entered of it here. */
  split_at_central: SaidAtCentral | null;
}

export interface Corrected extends SaidAtCentral {
  title: string;
  why: string | null;
  /** Another reason, that was given here. */
  said_here: string | null;
}

export interface SaidAtCentral {
  /** Who, as the dashboard shows it. */
  by: string;
  at: Moment;
}

export type EntryKind =
  | "log_on"
  | "log_off"
  | "job"
  | "pieces"
  | "stop_reason"
  | "stop_note"
  | "stop_split"
  | "shift_note"
  | "help"
  | "scan";

export interface Entry {
  id: string;
  at: Moment;
  kind: EntryKind;
  machine: string | null;
  /** The name of who entered it. */
  operator: string | null;
  /** One line that says what was entered, in English. */
  text: string;
  /** The same, for the page to say in its own words; null where the kind or the text says it all. */
  said: Said | null;
  at_central: boolean;
  /** Pieces only, while they may be taken back. */
  undo_until: Moment | null;
  undone: boolean;
}

export type Said =
  | { is: "job"; action: JobChange["action"]; work_order: string }
  | { is: "pieces"; good: number; scrap: number; rework: number; reason: string | null }
  | { is: "help"; active: boolean }
  | { is: "code"; text: string };

export interface Stored {
  id: string;
  at: Moment;
  /** One line for the page to show and a screen reader to say. */
  text: string;
  /** True when this id had been stored before. */
  already: boolean;
}

export interface Refusal {
  /** What was wrong and what to do, for the operator. */
  detail: string;
  code:
    | "unknown_badge"
    | "wrong_pin"
    | "locked"
    | "not_logged_on"
    | "unknown_operator"
    | "unknown_work_order"
    | "unknown_machine"
    | "unknown_stop"
    | "unknown_reason"
    | "too_late"
    | "no_pin"
    | "job_not_running"
    | "stop_not_over"
    | "not_allowed"
    | "invalid"
    | "not_stored";
  /** For `locked`: when to try again. */
  retry_at?: Moment;
}

interface Identified {
  id: string;
}

/** `POST log-on` */
export type LogOn = Identified & ({ badge: string } | { number: string; pin: string });
/** `POST log-off` */
export type LogOff = Identified & { operator: string };
/** `POST job` */
export type JobChange = Identified & {
  operator: string;
  machine: string;
  action: "start" | "pause" | "finish" | "switch";
  work_order: string;
};
/** `POST pieces` */
export type Pieces = Identified & {
  operator: string;
  machine: string;
  good: number;
  scrap: number;
  rework: number;
  /** Wanted when there is scrap or rework. */
  reason: string | null;
};
/** `POST pieces/undo`: `id` is that of the entry. */
export type Undo = Identified & { operator: string };
/** `POST stop/reason`, `POST stop/note`, `POST stop/split` */
export type StopReason = Identified & { operator: string; machine: string; stop: string; reason: string };
export type StopNote = Identified & { operator: string; machine: string; stop: string; note: string };
export type StopSplit = Identified & { operator: string; machine: string; stop: string; from: Moment };
/** `POST shift-note` */
export type ShiftNote = Identified & { operator: string; machine: string | null; note: string };
/** `POST help`: calls for help at a machine, or takes the call back. */
export type Help = Identified & { operator: string | null; machine: string; active: boolean };

/** `POST scan`: what a scanner typed, as bytes in base 64. What it is decides the agent. */
export type Scan = Identified & { raw: string; operator: string | null; machine: string | null };
export type Scanned = Stored & { meaning: Meaning };
export type Meaning =
  | { is: "operator"; number: string; name: string; change: "logged_on" | "logged_off" | "already_on" }
  | ScannedOrder
  | { is: "code"; text: string; problem: string | null }
  /** It begins like a work order's label, and there is no such order here. */
  | { is: "unknown_work_order"; text: string };
export interface ScannedOrder {
  is: "work_order";
  work_order: string;
  job: "started" | "switched" | "already_running" | "asks_for_machine" | "asks_for_operator";
  /** Where it is worked on, or would be. */
  machine: string | null;
  /** The machine that the order names, where that is another one; and whether it stands at this station. */
  planned_for: { title: string; is_here: boolean } | null;
}
