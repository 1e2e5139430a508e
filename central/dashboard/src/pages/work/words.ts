/** Incidents, queues and alert rules in words. Pure. */
import type { Schema } from "../../api/types.ts";

export type IncidentKind = Schema<"IncidentKind">;
export type EffectiveRule = Schema<"EffectiveRule">;
export type RuleSet = Schema<"RuleSet">;

export const INCIDENT_KINDS: Record<IncidentKind, { word: string; when: string }> = {
  machine_down: { word: "Machine down", when: "a stop lasts longer than" },
  agent_silent: { word: "Agent silent", when: "nothing was heard of an agent for longer than" },
  gap: { word: "Gap", when: "an agent recorded a loss" },
  divergence: { word: "Two histories", when: "two processes say that they are one agent" },
  call_for_help: { word: "Call for help", when: "an operator calls" },
};

const QUEUES: Record<string, string> = {
  background_jobs: "What follows from facts: incidents opened and resolved",
  email_notifications: "Mails and webhooks on their way",
  report_generation: "Reports to be made",
  dlq: "Dead letters: given up, waiting for a person",
};

export const queueMeaning = (name: string): string => QUEUES[name] ?? "";

const JOBS: Record<string, string> = {
  call_webhook: "Call a webhook",
  send_mail: "Send a mail",
  gaps_recorded: "Open incidents of recorded gaps",
  alarms_raised: "Open or end calls for help",
  agent_diverged: "Open the incident of two histories",
  events_quarantined: "Note events that were set aside",
  nothing: "Nothing: a test of the queue",
};

/** What a job is to do; its kind, as the message says it, when this page does not know it. */
export const jobWord = (kind: string): string => JOBS[kind] ?? kind;

/** The delivery that a job is to send. */
export function deliveryOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || !("delivery" in message)) return undefined;
  return typeof message.delivery === "string" ? message.delivery : undefined;
}

/** Work that waits longer than this waits too long. */
export const OLD_AFTER_MS = 120_000;

/** What a rule says, as far as it is set in a form. */
export interface RuleDraft {
  kind: IncidentKind;
  own: boolean;
  enabled: boolean;
  /** In minutes, as typed. Empty where no time has to pass. */
  minutes: string;
}

export const rulesDraft = (set: RuleSet): RuleDraft[] =>
  set.rules.map((rule) => ({
    kind: rule.kind,
    own: rule.own,
    enabled: rule.enabled,
    minutes: rule.threshold_s == null ? "" : String(rule.threshold_s / 60),
  }));

export const hasThreshold = (kind: IncidentKind): boolean => kind === "machine_down" || kind === "agent_silent";

const THRESHOLD_MIN_S = 10;
const THRESHOLD_MAX_S = 604_800;

/** Seconds of typed minutes; null when that is none that central takes. */
export function thresholdOf(minutes: string): number | null {
  const seconds = Math.round(Number(minutes.trim().replace(",", ".")) * 60);
  return minutes.trim() !== "" && seconds >= THRESHOLD_MIN_S && seconds <= THRESHOLD_MAX_S ? seconds : null;
}

/** The rules that are set right there, as the API takes them; null while one of them is no rule. */
export function rulesOf(draft: readonly RuleDraft[]): Schema<"Rule">[] | null {
  const rules: Schema<"Rule">[] = [];
  for (const rule of draft) {
    if (!rule.own) continue;
    if (!hasThreshold(rule.kind)) {
      rules.push({ kind: rule.kind, enabled: rule.enabled });
      continue;
    }
    const threshold_s = thresholdOf(rule.minutes);
    if (threshold_s === null) return null;
    rules.push({ kind: rule.kind, enabled: rule.enabled, threshold_s });
  }
  return rules;
}
