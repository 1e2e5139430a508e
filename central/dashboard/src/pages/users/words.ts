/** Roles and permissions in words. */
import type { Role } from "../../session/session.ts";
import type { Permission } from "./requests.ts";

export const ROLES: readonly { role: Role; word: string; may: string }[] = [
  { role: "operator", word: "Operator", may: "sees everything of their plants" },
  { role: "shift_lead", word: "Shift lead", may: "also explains, splits and corrects stops" },
  { role: "manager", word: "Manager", may: "also changes master data and alerts, and decides on dead letters" },
  { role: "administrator", word: "Administrator", may: "also lets agents in, and makes users and tokens" },
];

export const SCOPES: readonly { scope: Permission; may: string }[] = [
  { scope: "read", may: "see everything" },
  { scope: "stops:write", may: "explain, split and correct stops" },
  { scope: "master_data:write", may: "change master data and alerts" },
  { scope: "work:write", may: "replay and discard dead letters" },
  { scope: "agents:write", may: "let agents in, disable them, decide between histories" },
  { scope: "users:write", may: "make users and tokens" },
];

/** A change as the audit log keeps it, field by field; anything else as it is. */
export function changedFields(detail: unknown): { field: string; before: string; after: string }[] | null {
  if (!isRecord(detail) || !("before" in detail) || !("after" in detail)) return null;
  const before = isRecord(detail.before) ? detail.before : {};
  const after = isRecord(detail.after) ? detail.after : {};
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((field) => field !== "version" && field !== "id")
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({ field, before: spell(before[field]), after: spell(after[field]) }));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const spell = (value: unknown): string =>
  value === undefined || value === null || value === ""
    ? "–"
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
