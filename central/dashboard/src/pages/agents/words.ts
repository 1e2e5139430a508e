/** What is known of an agent, in words. Pure: the moment is a parameter. */
import { decimalText, numberText } from "screens/formats.ts";
import type { Schema } from "../../api/types.ts";

export type Agent = Schema<"Agent">;
export type Condition = Schema<"Condition">;

/** An agent says something every few seconds; after this long it is silent. */
export const SILENT_AFTER_MS = 120_000;
/** A clock that is off by more is worth a look. */
export const CLOCK_OFF_MS = 2_000;

export type BadgeKind = "plain" | "alarm" | "warning" | "attended" | "unknown" | "done";

export interface Standing {
  word: string;
  kind: BadgeKind;
}

/** How an agent stands, the worst first; one word when all is well. */
export function standings(agent: Agent, now_ms: number): Standing[] {
  if (!agent.enabled) return [{ word: "disabled", kind: "plain" }];
  const found: Standing[] = [];
  if (agent.divergence) found.push({ word: divergenceWords(agent.divergence.reason).word, kind: "alarm" });
  const decision = agent.decided_divergence;
  if (decision && isStillRefused(decision) && now_ms - Date.parse(decision.last_refused_at) < SILENT_AFTER_MS)
    found.push({ word: "a copy is refused", kind: "warning" });
  if (agent.last_sync_at == null) found.push({ word: "never synced", kind: "unknown" });
  else if (now_ms - Date.parse(agent.last_sync_at) > SILENT_AFTER_MS) found.push({ word: "silent", kind: "unknown" });
  const bad = agent.conditions.filter((condition) => isBad(condition));
  const down = bad.filter((condition) => condition.health === "down").length;
  if (down > 0) found.push({ word: down === 1 ? "1 source down" : `${down} sources down`, kind: "warning" });
  else if (bad.length > 0) found.push({ word: "works in part", kind: "warning" });
  return found.length > 0 ? found : [{ word: "in sync", kind: "done" }];
}

/** Why nothing is accepted under a name: `word` in a table, `title` and `what` where it is decided. */
export function divergenceWords(reason: string): { word: string; title: string; what: (name: string) => string } {
  if (reason === "claimed_by_agent") {
    return {
      word: "ahead of central",
      title: "This agent is ahead of central",
      what: (name) =>
        `${name} was told before that central has events which central has no more: central was restored from an older backup.`,
    };
  }
  if (reason === "rewound") {
    return {
      word: "two histories",
      title: "The log of this agent went back",
      what: (name) => `${name} runs from an older copy of its log: a restored disk, image or snapshot.`,
    };
  }
  return {
    word: "two histories",
    title: "Two histories under this name",
    what: (name) => `More than one process says it is ${name}: a disk was copied, or an older backup was restored.`,
  };
}

type Decision = NonNullable<Agent["decided_divergence"]>;

/** Whether a process that nobody accepted has asked since the decision. */
export const isStillRefused = (decision: Decision): boolean =>
  Date.parse(decision.last_refused_at) > Date.parse(decision.resolved_at);

const DECISION_SHOWS_MS = 7 * 86_400_000;

/** A decision is worth showing for a while, and as long as somebody is refused by it. */
export const decisionShows = (decision: Decision, now_ms: number): boolean =>
  [decision.resolved_at, ...(isStillRefused(decision) ? [decision.last_refused_at] : [])].some(
    (at) => now_ms - Date.parse(at) < DECISION_SHOWS_MS,
  );

export const isBad = (condition: Condition): boolean => condition.health === "down" || condition.health === "degraded";

const HEALTH: Record<string, Standing> = {
  starting: { word: "starting", kind: "attended" },
  good: { word: "good", kind: "done" },
  degraded: { word: "works in part", kind: "warning" },
  down: { word: "down", kind: "alarm" },
};

export const healthOf = (condition: Condition): Standing =>
  HEALTH[condition.health] ?? { word: condition.health, kind: "unknown" };

const SEVERITY = ["down", "degraded", "starting", "good"];

/** What is wrong comes first. */
export const worstFirst = (conditions: readonly Condition[]): Condition[] =>
  [...conditions].sort(
    (a, b) => SEVERITY.indexOf(a.health) - SEVERITY.indexOf(b.health) || a.subject.localeCompare(b.subject),
  );

const oneDigit = (value: number): string => decimalText(Math.round(value * 10) / 10);

/** `+12 ms`, `−3.4 s`: the agent's clock against central's. */
export function offsetText(offset_ms: number): string {
  const sign = offset_ms < 0 ? "−" : "+";
  const size = Math.abs(offset_ms);
  if (size < 1_000) return `${sign}${Math.round(size)} ms`;
  if (size < 120_000) return `${sign}${oneDigit(size / 1_000)} s`;
  if (size < 7_200_000) return `${sign}${Math.round(size / 60_000)} min`;
  if (size < 172_800_000) return `${sign}${Math.round(size / 3_600_000)} h`;
  return `${sign}${Math.round(size / 86_400_000)} d`;
}

/** `2.4 MB` */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1_000 && unit < units.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${unit === 0 || value >= 100 ? numberText(value) : oneDigit(value)} ${units[unit]}`;
}

/** A moment as an agent's clock had it; a wrong one may say what no calendar holds. */
export function agentMoment(at_us: number): Date | null {
  const moment = new Date(at_us / 1_000);
  return Number.isNaN(moment.getTime()) ? null : moment;
}

const HELD: Record<string, string> = {
  future: "lies in the future",
  beyond_retention: "older than what is kept",
  out_of_range: "no calendar has its moment",
  machine_of_another_agent: "another agent reports this machine",
  no_machine: "it names no machine where one is needed",
  no_origin: "it does not say where it comes from",
  refused_by_database: "the database refused it",
};

/** What has to happen before a release makes facts of them; nothing where waiting is no use. */
const HELD_UNTIL: Record<string, string> = {
  future: "Each becomes a fact by a release after its moment has come.",
  beyond_retention: "Central keeps no facts as old as these any more: they stay here.",
  out_of_range: "They stay here, as evidence of a wrong clock.",
  machine_of_another_agent:
    "If the machine moved to this agent, give it to it under Master data: that releases them, too. If a configuration names the wrong machine, correct it there and leave these.",
  no_machine: "They stay here.",
  no_origin: "They stay here.",
  refused_by_database: "Mend what the database says, then release them.",
};

export const heldUntil = (reason: string): string => HELD_UNTIL[reason] ?? "";

export interface HeldGroup {
  reason: string;
  origin: string;
  origin_kind: string;
  plant: string;
}

/** What is released together: events of one origin that are held for one reason. */
export function heldGroups(events: readonly Schema<"QuarantinedEvent">[]): HeldGroup[] {
  const groups = new Map<string, HeldGroup>();
  for (const { reason, origin, origin_kind, plant } of events) {
    const key = JSON.stringify([reason, origin_kind, origin]);
    groups.set(key, { reason, origin, origin_kind, plant });
  }
  return [...groups.values()];
}

/** `1 event`, `1,204 events` */
export const eventsText = (count: number): string => (count === 1 ? "1 event" : `${numberText(count)} events`);

export function releasedText({ facts, held }: { facts: number; held: number }): string {
  if (facts === 0 && held === 0) return "Nothing was left to release: somebody has released it meanwhile.";
  const became =
    facts === 0 ? "Nothing became a fact" : `${eventsText(facts)} became ${facts === 1 ? "a fact" : "facts"}`;
  return held === 0
    ? `${became}.`
    : `${became}; ${eventsText(held)} ${held === 1 ? "stays" : "stay"}, because the reason still holds.`;
}

export const heldText = (reason: string): string => HELD[reason] ?? reason.replaceAll("_", " ");

/** `13/00ab…` as a person can tell it from another. */
export const shortInstance = (instance: string): string => {
  const [starts, id] = instance.split("/");
  return id === undefined ? instance : `${starts}/${id.slice(0, 6)}…`;
};
