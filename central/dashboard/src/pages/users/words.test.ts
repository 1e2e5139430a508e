import { expect, test } from "vitest";
import { changedFields } from "./words.ts";

test("a change is told field by field, without what every change has", () => {
  const detail = {
    before: { id: 1, version: 1, title: "A", active: true },
    after: { id: 1, version: 2, title: "B", active: true },
  };
  expect(changedFields(detail)).toEqual([{ field: "title", before: "A", after: "B" }]);
});

test("what was made has nothing before", () => {
  expect(changedFields({ before: null, after: { id: 4, code: "WO-1" } })).toEqual([
    { field: "code", before: "–", after: "WO-1" },
  ]);
});

test("anything else is shown as it is", () => {
  expect(changedFields({ facts: 3 })).toBeNull();
  expect(changedFields("text")).toBeNull();
});
