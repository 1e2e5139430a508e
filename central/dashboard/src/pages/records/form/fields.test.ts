import { describe, expect, test } from "vitest";
import { changesBetween, differs, draftOf, type Field, faultsByField, faultsOf, Values } from "./fields.ts";

const FIELDS: Field[] = [
  { kind: "text", key: "title", label: "Title", max: 5, required: true },
  { kind: "number", key: "ideal_cycle_ms", label: "Ideal cycle", unit: "s", min: 1, max: 86_400_000, factor: 1_000 },
  { kind: "flag", key: "active", label: "Active", words: "Offered" },
  { kind: "moment", key: "due_at", label: "Due" },
  {
    kind: "secret",
    key: "pin",
    label: "PIN",
    min: 4,
    max: 12,
    pattern: /^\d+$/,
    expected: "4 to 12 digits.",
    has: "has_pin",
    noun: "PIN",
  },
];
const ZONE = "Europe/Berlin";

describe("a draft", () => {
  test("of a record says what its form shows, and never a secret", () => {
    const record = { title: "A", ideal_cycle_ms: 1_500, active: false, due_at: "2026-12-24T13:00:00Z", has_pin: true };
    expect(draftOf(FIELDS, record, ZONE)).toEqual({
      title: "A",
      ideal_cycle_ms: "1.5",
      active: false,
      due_at: "2026-12-24T14:00",
      pin: "",
      "pin is taken away": false,
    });
  });

  test("of nothing is empty, and active", () => {
    expect(draftOf(FIELDS, null, ZONE)).toMatchObject({ title: "", active: true });
  });

  test("differs once something was typed", () => {
    const draft = draftOf(FIELDS, null, ZONE);
    expect(differs(draft, { ...draft })).toBe(false);
    expect(differs(draft, { ...draft, title: "x" })).toBe(true);
  });

  test("has its faults named by field", () => {
    const draft = { ...draftOf(FIELDS, null, ZONE), title: "", ideal_cycle_ms: "soon", pin: "12a4" };
    expect(faultsOf(FIELDS, draft)).toEqual({
      title: "Title is needed.",
      ideal_cycle_ms: "A number is expected.",
      pin: "4 to 12 digits.",
    });
  });

  test("may hold no number beyond what is allowed", () => {
    const draft = { ...draftOf(FIELDS, { title: "A" }, ZONE), ideal_cycle_ms: "90000" };
    expect(faultsOf(FIELDS, draft)).toEqual({ ideal_cycle_ms: "Between 0.001 and 86,400 s." });
  });
});

describe("values", () => {
  const values = (change: Record<string, string | boolean>) =>
    new Values(FIELDS, { ...draftOf(FIELDS, null, ZONE), ...change }, ZONE);

  test("take a comma for a point, and give what is stored", () => {
    expect(values({ ideal_cycle_ms: "1,5" }).number("ideal_cycle_ms")).toBe(1_500);
    expect(values({ ideal_cycle_ms: "1.1" }).number("ideal_cycle_ms")).toBe(1_100);
    expect(values({ ideal_cycle_ms: "" }).number("ideal_cycle_ms")).toBeNull();
  });

  test("give a moment by the plant's clock", () => {
    expect(values({ due_at: "2026-07-01T14:00" }).moment("due_at")).toBe("2026-07-01T12:00:00.000Z");
  });

  test("leave, replace or take away a secret", () => {
    expect(values({}).secret("pin")).toEqual({});
    expect(values({ pin: "8361" }).secret("pin")).toEqual({ pin: "8361" });
    expect(values({ "pin is taken away": true }).secret("pin")).toEqual({ pin: null });
  });
});

test("the server's faults go to their fields", () => {
  expect(faultsByField("title: too long; pin: too easy; nothing else", ["title", "pin"])).toEqual({
    title: "too long",
    pin: "too easy",
    "": "nothing else",
  });
});

test("what somebody else changed is told in words", () => {
  const before = draftOf(FIELDS, { title: "A", active: true }, ZONE);
  const after = draftOf(FIELDS, { title: "B", active: false }, ZONE);
  expect(changesBetween(FIELDS, before, after)).toEqual([
    { label: "Title", before: "A", after: "B" },
    { label: "Active", before: "yes", after: "no" },
  ]);
});

test("what central says first of a field stands at its field, although it is a sentence", () => {
  expect(faultsByField('Product: this plant has no product "X"; quantity: too large', ["product", "quantity"])).toEqual(
    {
      product: 'this plant has no product "X"',
      quantity: "too large",
    },
  );
});
