import { expect, it } from "vitest";
import type { BoardMachine } from "../api/types.ts";
import { applyEvent, type BoardEvent, NO_MACHINES } from "./board.ts";

const machine = (id: number, good = 0): BoardMachine => ({
  id,
  plant: "main",
  plant_id: 1,
  name: `m${id}`,
  title: "",
  agent: "line-1",
  good,
  scrap: 0,
  rework: 0,
  unexplained_stops: 0,
  operators: [],
});
const event = (name: "board" | "machines", ...machines: BoardMachine[]): BoardEvent => ({
  event: name,
  data: { at: "2026-11-22T10:00:00Z", machines },
});

it("a board replaces everything, a change only what it names", () => {
  const first = applyEvent(NO_MACHINES, event("board", machine(1), machine(2)));
  const second = applyEvent(first, event("machines", machine(2, 5), machine(3)));
  expect(Array.from(second.values(), (one) => [one.id, one.good])).toEqual([
    [1, 0],
    [2, 5],
    [3, 0],
  ]);
  expect(second.get(1)).toBe(first.get(1));
  expect(Array.from(applyEvent(second, event("board", machine(3))).keys())).toEqual([3]);
});

it("what did not change is the same object, also when a whole board comes again", () => {
  const before = applyEvent(NO_MACHINES, event("board", machine(1), machine(2)));
  expect(applyEvent(before, event("board", machine(1), machine(2)))).toBe(before);
  const after = applyEvent(before, event("board", machine(1), machine(2, 1)));
  expect(after.get(1)).toBe(before.get(1));
  expect(after.get(2)).not.toBe(before.get(2));
});

it("the same event twice is as once, and a removal of what is gone is none", () => {
  const before = applyEvent(NO_MACHINES, event("board", machine(1), machine(2)));
  const change = event("machines", machine(2, 7));
  const once = applyEvent(before, change);
  expect(applyEvent(once, change)).toBe(once);
  const removed = applyEvent(once, { event: "removed", data: { ids: [2] } });
  expect(Array.from(removed.keys())).toEqual([1]);
  expect(applyEvent(removed, { event: "removed", data: { ids: [2] } })).toBe(removed);
  expect(applyEvent(once, { event: "heartbeat", data: { at: "" } })).toBe(once);
});
