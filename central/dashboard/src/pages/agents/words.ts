/** What is known of an agent, in words. Pure: the moment is a parameter. */
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
  if (agent.divergence) found.push({ word: "two histories", kind: "alarm" });
  if (agent.last_sync_at == null) found.push({ word: "never synced", kind: "unknown" });
  else if (now_ms - Date.parse(agent.last_sync_at) > SILENT_AFTER_MS) found.push({ word: "silent", kind: "unknown" });
  const bad = agent.conditions.filter((condition) => isBad(condition));
  const down = bad.filter((condition) => condition.health === "down").length;
  if (down > 0) found.push({ word: down === 1 ? "1 source down" : `${down} sources down`, kind: "warning" });
  else if (bad.length > 0) found.push({ word: "works in part", kind: "warning" });
  return found.length > 0 ? found : [{ word: "in sync", kind: "done" }];
}

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

/** `+12 ms`, `−3.4 s`: the agent's clock against central's. */
export function offsetText(offset_ms: number): string {
  const sign = offset_ms < 0 ? "−" : "+";
  const size = Math.abs(offset_ms);
  if (size < 1_000) return `${sign}${Math.round(size)} ms`;
  if (size < 120_000) return `${sign}${(size / 1_000).toFixed(1)} s`;
  if (size < 7_200_000) return `${sign}${Math.round(size / 60_000)} min`;
  if (size < 172_800_000) return `${sign}${Math.round(size / 3_600_000)} h`;
  return `${sign}${Math.round(size / 86_400_000)} d`;
}

/** `2.4 MB` */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1_000 && unit < units.length - 1) [value, unit] = [value / 1_000, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
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

export const heldText = (reason: string): string => HELD[reason] ?? reason.replaceAll("_", " ");

/** `13/00ab…` as a person can tell it from another. */
export const shortInstance = (instance: string): string => {
  const [starts, id] = instance.split("/");
  return id === undefined ? instance : `${starts}/${id.slice(0, 6)}…`;
};
