/** What a record's form asks for, described. Pure: drafts are text as people type it, values are what the API takes. */
import { decimalText } from "screens/formats.ts";
import { fromLocalInput, toLocalInput } from "../../../time/zone.ts";

interface Asked {
  key: string;
  label: string;
  hint?: string;
  required?: true;
  /** Facts name it: given once, it stays. */
  stays?: true;
}

export type Field = Asked &
  (
    | { kind: "text"; max: number; pattern?: RegExp; expected?: string; suggest?: Suggest }
    /** A whole number that is stored as typed value times `factor`. */
    | { kind: "number"; unit: string; min: number; max: number; factor?: number }
    | { kind: "flag"; words: string }
    | { kind: "choice"; options: readonly { value: string; label: string }[] }
    /** A moment by the plant's clock. */
    | { kind: "moment" }
    /** Never shown, only replaced or taken away. */
    | {
        kind: "secret";
        min: number;
        max: number;
        pattern?: RegExp;
        expected: string;
        digits?: true;
        has: string;
        noun: string;
      }
  );

/** What there is to choose from. */
export type Suggest = (plant: string, text: string, signal: AbortSignal) => Promise<{ value: string; label: string }[]>;

/** What stands in the form. */
export type Draft = Readonly<Record<string, string | boolean>>;

export const removalKey = (key: string): string => `${key} is taken away`;

/** A record as its form shows it. */
export function draftOf(fields: readonly Field[], record: object | null, time_zone: string): Draft {
  const values: Record<string, unknown> = { ...record };
  const draft: Record<string, string | boolean> = {};
  for (const field of fields) {
    const value = values[field.key];
    switch (field.kind) {
      case "flag":
        draft[field.key] = typeof value === "boolean" ? value : field.key === "active";
        break;
      case "number":
        draft[field.key] = typeof value === "number" ? String(value / (field.factor ?? 1)) : "";
        break;
      case "moment":
        draft[field.key] = typeof value === "string" ? toLocalInput(Date.parse(value), time_zone).slice(0, 16) : "";
        break;
      case "choice":
        draft[field.key] = typeof value === "string" ? value : (field.options[0]?.value ?? "");
        break;
      case "secret":
        draft[field.key] = "";
        draft[removalKey(field.key)] = false;
        break;
      case "text":
        draft[field.key] = typeof value === "string" ? value : "";
    }
  }
  return draft;
}

export const differs = (a: Draft, b: Draft): boolean => Object.keys(a).some((key) => a[key] !== b[key]);

/** What is wrong with a draft, by field. */
export function faultsOf(fields: readonly Field[], draft: Draft): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const field of fields) {
    const fault = faultOf(field, String(draft[field.key] ?? "").trim());
    if (fault !== undefined) faults[field.key] = fault;
  }
  return faults;
}

function faultOf(field: Field, text: string): string | undefined {
  if (text === "") return field.required ? `${field.label} is needed.` : undefined;
  switch (field.kind) {
    case "text":
      if (text.length > field.max) return `At most ${field.max} characters.`;
      return field.pattern && !field.pattern.test(text) ? field.expected : undefined;
    case "secret":
      if (text.length < field.min || text.length > field.max) return field.expected;
      return field.pattern && !field.pattern.test(text) ? field.expected : undefined;
    case "number": {
      const stored = storedNumber(text, field.factor);
      const factor = field.factor ?? 1;
      if (stored === null) return "A number is expected.";
      if (!Number.isInteger(stored)) return factor === 1 ? "A whole number is expected." : "Too many digits.";
      return stored < field.min || stored > field.max
        ? `Between ${decimalText(field.min / factor)} and ${decimalText(field.max / factor)} ${field.unit}.`.replace(
            / \.$/,
            ".",
          )
        : undefined;
    }
    default:
      return undefined;
  }
}

/** `1,5` and `1.5` are both one and a half. */
function storedNumber(text: string, factor = 1): number | null {
  const number = Number(text.replace(",", "."));
  if (!Number.isFinite(number)) return null;
  const stored = number * factor;
  const whole = Math.round(stored);
  return Math.abs(stored - whole) < 1e-6 ? whole : stored;
}

/** A draft without faults, as the API takes it. */
export class Values {
  constructor(
    private readonly fields: readonly Field[],
    private readonly draft: Draft,
    private readonly time_zone: string,
  ) {}

  text(key: string): string {
    return String(this.draft[key] ?? "").trim();
  }

  optionalText(key: string): string | null {
    return this.text(key) || null;
  }

  flag(key: string): boolean {
    return this.draft[key] === true;
  }

  number(key: string): number | null {
    const field = this.fields.find((one) => one.key === key);
    const text = this.text(key);
    return text === "" ? null : storedNumber(text, field?.kind === "number" ? field.factor : 1);
  }

  moment(key: string): string | null {
    const text = this.text(key);
    return text === "" ? null : new Date(fromLocalInput(text, this.time_zone)).toISOString();
  }

  /** Absent: leave it. Null: take it away. */
  secret(key: string): { [key: string]: string | null } {
    if (this.flag(removalKey(key))) return { [key]: null };
    const text = this.text(key);
    return text === "" ? {} : { [key]: text };
  }
}

/** The server's `title: too long; line: …` by field; what fits none stands under the empty key. */
export function faultsByField(detail: string, keys: readonly string[]): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const part of detail.split("; ")) {
    // The first begins with a capital: it stood alone as a sentence.
    const key = keys.find((one) => part.toLowerCase().startsWith(`${one}: `)) ?? "";
    const text = key === "" ? part : part.slice(key.length + 2);
    faults[key] = faults[key] === undefined ? text : `${faults[key]}; ${text}`;
  }
  return faults;
}

/** What somebody else changed: each field's words before and by now. */
export function changesBetween(
  fields: readonly Field[],
  before: Draft,
  after: Draft,
): { label: string; before: string; after: string }[] {
  return fields
    .filter((field) => before[field.key] !== after[field.key])
    .map((field) => ({
      label: field.label,
      before: spell(field, before[field.key]),
      after: spell(field, after[field.key]),
    }));
}

function spell(field: Field, value: string | boolean | undefined): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (field.kind === "choice") return field.options.find((option) => option.value === value)?.label ?? "–";
  return value || "–";
}
