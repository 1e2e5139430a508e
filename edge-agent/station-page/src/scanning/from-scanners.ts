/**
 * Codes that scanners of the agent read: every page of the station tells them, each once. A question that such a code asks
 * is asked on every page, until one of them has answered it.
 */

import type { FromScanner, ScannedOrder, View } from "../api";

/** Later, whoever scanned may have left: then it is told with its time, and nothing follows by itself. */
const FRESH_MS = 15_000;

/** A work order that was scanned, and what is missing to begin it. */
export interface Question {
  order: ScannedOrder;
  asked_at: string;
}

/** What came after the one that was told last. */
export function untold(read: FromScanner[], told: string | null): FromScanner[] {
  return read.slice(read.findIndex(({ id }) => id === told) + 1);
}

export const isFresh = ({ at }: FromScanner, now: string): boolean => Date.parse(now) - Date.parse(at) < FRESH_MS;

export function questionOf({ at, outcome }: FromScanner): Question | null {
  if (outcome.is === "refused") return null;
  const { meaning } = outcome.stored;
  const asks =
    meaning.is === "work_order" && (meaning.job === "asks_for_machine" || meaning.job === "asks_for_operator");
  return asks ? { order: meaning, asked_at: at } : null;
}

/** Whoever was not there when it was asked cannot know whether it was answered: one that is worked on was. */
export const isWorkedOn = ({ order }: Question, { machines }: Pick<View, "machines">): boolean =>
  machines.some(({ job }) => job?.work_order === order.work_order && !job.paused);

/** Somebody has begun it since, here or on another page. */
export function isAnswered({ order, asked_at }: Question, { machines }: Pick<View, "machines">): boolean {
  return machines.some(
    ({ job }) => job?.work_order === order.work_order && Date.parse(job.since) >= Date.parse(asked_at),
  );
}
