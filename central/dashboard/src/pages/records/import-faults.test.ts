import { expect, test } from "vitest";
import { importFaults } from "./import-faults.ts";

test("faults of a file are told by line and column", () => {
  const detail = 'line 3, column code: empty\nline 1: "x" is no column: expected code\nand 4 more';
  expect(importFaults(detail)).toEqual([
    { line: 3, column: "code", text: "empty" },
    { line: 1, column: null, text: '"x" is no column: expected code' },
    { line: null, column: null, text: "and 4 more" },
  ]);
});
