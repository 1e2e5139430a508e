/** What the page says about an entry: in word, shape, colour and sound. */

import type { Outcome } from "../agent/outbox";
import type { Machine, Refusal, Scanned, ScannedOrder, Stored } from "../api";
import type { Formats } from "../formats";
import type { Sound } from "../sound";
import type { Texts } from "../texts/en";

export interface Feedback {
  key: string;
  label: string;
  is: "storing" | "stored" | "already" | "rejected";
  sound: Sound | null;
  /** Pieces that were just stored, while they may be taken back. */
  undo: string | null;
}

/** Nothing, when it was withdrawn. `elsewhere` are the machines that this page does not show. */
export function feedbackOf(
  key: string,
  label: string,
  outcome: Outcome,
  texts: Texts,
  formats: Formats,
  isLate: boolean,
  elsewhere: Machine[],
): Feedback | null {
  if (outcome.is === "withdrawn") return null;
  if (outcome.is === "refused") {
    const text = `${label}: ${refusalText(outcome.refusal, texts, formats)}`;
    return { key, label: text, is: "rejected", sound: "rejected", undo: null };
  }
  const scan = scanFeedback(outcome.stored, texts, elsewhere);
  if (scan) return { key, undo: null, ...scan };
  // Stored under this id before, and sent but once: then it was stored for somebody else's tap.
  const is = outcome.stored.already && outcome.attempts === 1 && !isLate ? "already" : "stored";
  const text = isLate ? texts.later_stored(label) : label;
  return { key, label: text, is, sound: is, undo: key.startsWith("pieces ") ? outcome.stored.id : null };
}

function scanFeedback(
  stored: Stored,
  texts: Texts,
  elsewhere: Machine[],
): Pick<Feedback, "label" | "is" | "sound"> | null {
  const meaning = (stored as Partial<Scanned>).meaning;
  if (!meaning) return null;
  if (meaning.is === "operator") {
    const is = meaning.change === "already_on" ? "already" : "stored";
    return { label: texts.scans[meaning.change](meaning.name), is, sound: is };
  }
  if (meaning.is === "work_order") {
    const is = meaning.job === "already_running" ? "already" : "stored";
    return { label: orderText(meaning, texts, elsewhere), is, sound: is };
  }
  if (meaning.is === "unknown_work_order") {
    return { label: texts.scans.unknown_work_order(meaning.text), is: "rejected", sound: "rejected" };
  }
  if (meaning.problem === null) return { label: meaning.text, is: "stored", sound: "stored" };
  // What was scanned is a fact and is stored all the same; but it is not what somebody meant to scan.
  return { label: texts.scans.problem(meaning.text, meaning.problem), is: "rejected", sound: "rejected" };
}

function orderText(
  { work_order, job, machine, planned_for }: ScannedOrder,
  texts: Texts,
  elsewhere: Machine[],
): string {
  if (planned_for && !planned_for.is_here && machine === null) {
    return texts.scans.planned_elsewhere(work_order, planned_for.title);
  }
  const text = texts.scans[job](work_order);
  if (job === "asks_for_machine" || job === "asks_for_operator") return text;
  const at = elsewhere.find(({ name }) => name === machine);
  const where = at ? texts.scans.at_machine(text, at.title) : text;
  return planned_for ? texts.scans.planned_for(where, planned_for.title) : where;
}

export function refusalText({ code, detail, retry_at }: Refusal, texts: Texts, formats: Formats): string {
  const said = texts.refusals?.[code] ?? detail;
  return retry_at && texts.refusals ? `${said} ${texts.try_again_at(formats.time(retry_at))}` : said;
}

/** Why an entry is still kept here: what the agent says, else that it says nothing. */
export function notStoredText(why: string | null, texts: Texts): string {
  return why === null ? texts.not_stored_yet_hint : (texts.refusals?.not_stored ?? why);
}
