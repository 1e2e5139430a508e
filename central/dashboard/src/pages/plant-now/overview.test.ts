import { describe, expect, it } from "vitest";
import type { BoardMachine } from "../../api/types.ts";
import { lines, lineTitle, progress, summary } from "./overview.ts";

const machine = (part: Partial<BoardMachine>): BoardMachine => ({
  id: 0,
  plant: "main",
  plant_id: 1,
  line: null,
  name: "m",
  title: "",
  agent: "line-1",
  state: "running",
  good: 0,
  scrap: 0,
  rework: 0,
  unexplained_stops: 0,
  operators: [],
  ...part,
});

describe("lines", () => {
  it("come by name, machines without one last, and in each machines by name as people count", () => {
    const found = lines(
      [
        machine({ id: 1, name: "oven" }),
        machine({ id: 2, name: "press 10", line: "B" }),
        machine({ id: 3, name: "press 9", line: "B" }),
        machine({ id: 4, name: "z", line: "A", state: "stopped" }),
      ],
      {},
    );
    expect(found.map((line) => [line.name, line.ids, line.running])).toEqual([
      ["A", [4], 0],
      ["B", [3, 2], 2],
      ["", [1], 1],
    ]);
  });

  it("are called by their titles, and stand in the order of these", () => {
    const found = lines(
      [
        machine({ id: 1, line: "1", line_title: "Packing" }),
        machine({ id: 2, line: "2", line_title: "Filling" }),
        machine({ id: 3 }),
      ],
      {},
    );
    expect(found.map((line) => [line.name, lineTitle(line, found)])).toEqual([
      ["2", "Filling"],
      ["1", "Packing"],
      ["", "Not in a line"],
    ]);
  });

  it("no state moves a machine to another place", () => {
    const before = [machine({ id: 1, name: "a" }), machine({ id: 2, name: "b" })];
    const after = before.map((one) => (one.id === 2 ? machine({ ...one, state: "stopped" }) : one));
    expect(lines(after, {})[0]?.ids).toEqual(lines(before, {})[0]?.ids);
  });

  it("the filter keeps what needs attention: stopped, unknown, unexplained", () => {
    const all = [
      machine({ id: 1 }),
      machine({ id: 2, state: "stopped" }),
      machine({ id: 3, state: "no_data" }),
      machine({ id: 4, state: null }),
      machine({ id: 5, unexplained_stops: 1 }),
      machine({ id: 6, state: "break" }),
    ];
    expect(lines(all, { abnormal: true }).flatMap((line) => line.ids)).toEqual([2, 3, 4, 5]);
    expect(lines(all, { plant: "other" })).toEqual([]);
    expect(lines(all, { line: "" }).flatMap((line) => line.ids)).toHaveLength(6);
  });
});

it("how many of a line run is said of the whole line, whatever is shown of it", () => {
  const all = [
    machine({ id: 1, line: "A" }),
    machine({ id: 2, line: "A", state: "stopped" }),
    machine({ id: 3, line: "A" }),
    machine({ id: 4, line: "B" }),
  ];
  const found = lines(all, { abnormal: true });
  expect(found.map(({ name, ids, running, machines }) => [name, ids, running, machines])).toEqual([["A", [2], 2, 3]]);
});

it("a summary counts every machine once", () => {
  const found = summary([
    machine({}),
    machine({ state: "stopped", unexplained_stops: 2 }),
    machine({ state: "no_data" }),
    machine({ state: null }),
    machine({ state: "setup" }),
  ]);
  expect(found).toEqual({ machines: 5, running: 1, stopped: 1, unknown: 2, unexplained_stops: 2 });
});

describe("the progress of a job", () => {
  it("is a share of the quantity, and behind or ahead of what is expected", () => {
    expect(progress({ good: 300, quantity: 1000, expected: 400.4 })).toEqual({
      done: 0.3,
      expected: 0.4004,
      ahead: -100,
    });
  });
  it("expects no more than was ordered", () => {
    expect(progress({ good: 1000, quantity: 1000, expected: 5000 })).toEqual({ done: 1, expected: 1, ahead: 0 });
  });
  it("of an order without quantity is measured by what is expected", () => {
    expect(progress({ good: 60, quantity: null, expected: 120 })).toEqual({ done: 0.5, expected: 1, ahead: -60 });
  });
  it("is unknown rather than invented", () => {
    expect(progress({ good: 60, quantity: null, expected: null })).toBeNull();
    expect(progress({ good: null, quantity: 100, expected: null })).toBeNull();
    expect(progress({ good: 60, quantity: 100, expected: null })?.ahead).toBeNull();
    expect(progress({ good: 0, quantity: 0, expected: 0 })).toBeNull();
  });
});

describe("the title of a line", () => {
  const titles = (...machines: BoardMachine[]) => {
    const all = lines(machines, {});
    return all.map((line) => lineTitle(line, all));
  };

  it("names the plant where several are shown", () => {
    const a = machine({ id: 1, line: "A" });
    expect(titles(a, machine({ id: 2, line: "B" }))).toEqual(["A", "B"]);
    expect(titles(a, machine({ id: 2, line: "A", plant: "south" }))).toEqual(["main · A", "south · A"]);
  });

  it("says of machines without a line only what is worth saying", () => {
    expect(titles(machine({ id: 1 }))).toEqual(["Machines"]);
    expect(titles(machine({ id: 1 }), machine({ id: 2, line: "A" }))).toEqual(["A", "Not in a line"]);
    expect(titles(machine({ id: 1 }), machine({ id: 2, plant: "south" }))).toEqual([
      "main · Machines",
      "south · Machines",
    ]);
  });
});
