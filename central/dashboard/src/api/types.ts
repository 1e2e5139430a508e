/** The API's things by short names. What they are is in its document. */
import type { components, operations } from "../api.generated.ts";

/** What an operation answers when it succeeds. */
type Answer<Name extends keyof operations> = operations[Name] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;

export type Board = Answer<"board">;
export type BoardMachine = Board["machines"][number];
export type BoardJob = NonNullable<BoardMachine["job"]>;
export type Machine = Answer<"machine_by_id">;
export type Timeline = Answer<"machine_timeline">;
export type Segment = Timeline["segments"][number];
export type Production = Answer<"machine_production">;
export type Bucket = Production["buckets"][number];
export type Stop = Answer<"list_stops">["stops"][number];
export type StopEntry = NonNullable<Stop["history"]>[number];
export type Reason = Answer<"list_reasons">["reasons"][number];
export type Stint = Answer<"machine_jobs">["jobs"][number];
export type Scan = Answer<"machine_scans">["scans"][number];
export type ShiftLogEntry = Answer<"machine_shift_log">["entries"][number];
export type Fact = Answer<"machine_events_by_id">["events"][number];

/** A thing by its name in the document. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];
