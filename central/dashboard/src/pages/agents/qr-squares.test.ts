import { expect, test } from "vitest";
import { squares } from "./qr-squares.ts";

test("a run of dark squares is one rectangle", () => {
  const rows = ["##.#", "....", "...#"];
  expect(squares(4, (row, column) => rows[row]?.[column] === "#")).toBe("M0 0h2v1h-2zM3 0h1v1h-1zM3 2h1v1h-1z");
});
