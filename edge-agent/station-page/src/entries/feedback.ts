/** What the page says about an entry: in word, shape, colour and sound. */

import type { Outcome } from "../agent/outbox";
import type { Refusal, Scanned, Stored } from "../api";
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

/** Nothing, when it was withdrawn. */
export function feedbackOf(
  key: string,
  label: string,
  outcome: Outcome,
  texts: Texts,
  formats: Formats,
  isLate: boolean,
): Feedback | null {
  if (outcome.is === "withdrawn") return null;
  if (outcome.is === "refused") {
    const text = `${label}: ${refusalText(outcome.refusal, texts, formats)}`;
    return { key, label: text, is: "rejected", sound: "rejected", undo: null };
  }
  const scan = scanFeedback(outcome.stored, texts);
  if (scan) return { key, undo: null, ...scan };
  // Stored under this id before, and sent but once: then it was stored for somebody else's tap.
  const is = outcome.stored.already && outcome.attempts === 1 && !isLate ? "already" : "stored";
  const text = isLate ? texts.later_stored(label) : label;
  return { key, label: text, is, sound: is, undo: key.startsWith("pieces ") ? outcome.stored.id : null };
}

function scanFeedback(stored: Stored, texts: Texts): Pick<Feedback, "label" | "is" | "sound"> | null {
  const meaning = (stored as Partial<Scanned>).meaning;
  if (!meaning) return null;
  if (meaning.is === "operator") {
    const is = meaning.change === "already_on" ? "already" : "stored";
    return { label: texts.scans[meaning.change](meaning.name), is, sound: is };
  }
  if (meaning.is === "work_order") {
    const is = meaning.job === "already_running" ? "already" : "stored";
    return { label: texts.scans[meaning.job](meaning.work_order), is, sound: is };
  }
  const text = meaning.problem ? texts.scans.problem(meaning.text, meaning.problem) : meaning.text;
  // A code with a problem is stored all the same: what was scanned is a fact.
  return { label: text, is: "stored", sound: meaning.problem ? "rejected" : "stored" };
}

export function refusalText({ code, detail, retry_at }: Refusal, texts: Texts, formats: Formats): string {
  const said = texts.refusals?.[code] ?? detail;
  return retry_at && texts.refusals ? `${said} ${texts.try_again_at(formats.time(retry_at))}` : said;
}
