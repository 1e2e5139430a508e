import { expect, it } from "vitest";
import type { Reason } from "../api/types.ts";
import { reasonGroups, sayer } from "./words.ts";

const reason = (code: string, title: string, planned: boolean): Reason => ({
  id: 1,
  plant: "main",
  code,
  title,
  applies_to: "downtime",
  planned,
  active: true,
  version: 1,
});

const REASONS = [
  reason("BRK", "Break", true),
  reason("TOOL", "Tool broken", false),
  reason("MAT", "Material missing", false),
  reason("X1", "", false),
];

it("reasons stand in groups, the unplanned first, by title", () => {
  const groups = reasonGroups(REASONS, "");
  expect(groups.map((group) => [group.title, group.reasons.map((one) => one.code)])).toEqual([
    ["Unplanned", ["MAT", "TOOL", "X1"]],
    ["Planned", ["BRK"]],
  ]);
});

it("every word that is looked for must be there, in code or title", () => {
  expect(reasonGroups(REASONS, "bro tool").flatMap((group) => group.reasons.map((one) => one.code))).toEqual(["TOOL"]);
  expect(reasonGroups(REASONS, "nothing")).toEqual([]);
});

it("who said it has a name, else a number, else it was the machine", () => {
  expect(sayer({ entered_by: "ada", operator: "7" })).toBe("ada");
  expect(sayer({ entered_by: "ada", entered_by_name: "Ada Lovelace" })).toBe("Ada Lovelace");
  expect(sayer({ operator: "7", operator_name: "Max" })).toBe("Max");
  expect(sayer({ operator: "7", operator_name: null })).toBe("7");
  expect(sayer({})).toBe("the machine");
});
