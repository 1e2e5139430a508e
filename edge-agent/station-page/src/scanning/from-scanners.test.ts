import { describe, expect, it } from "vitest";
import type { FromScanner, Machine, Meaning } from "../api";
import { isAnswered, isFresh, isWorkedOn, questionOf, untold } from "./from-scanners";

const AT = "2026-11-22T14:00:00.000Z";

function read(id: string, meaning: Meaning): FromScanner {
  const stored = { id, at: AT, text: "", already: false, meaning };
  return { id, at: AT, scanner: "gun", code: id, outcome: { is: "stored", stored } };
}

const code = (id: string) => read(id, { is: "code", text: id, problem: null });
const order = (job: "started" | "asks_for_machine" | "asks_for_operator") =>
  read("WO-1", { is: "work_order", work_order: "WO-1", job, machine: null, planned_for: null });
const working = (work_order: string, since: string) => ({ machines: [{ job: { work_order, since } } as Machine] });

describe("what scanners of the agent read", () => {
  it("is told once, in order", () => {
    const all = [code("a"), code("b"), code("c")];
    expect(untold(all, "a").map(({ id }) => id)).toEqual(["b", "c"]);
    expect(untold(all, "c")).toEqual([]);
  });
  it("is told when what was told last is long gone, or nothing was", () => {
    expect(untold([code("b")], "a")).toHaveLength(1);
    expect(untold([code("b")], null)).toHaveLength(1);
  });
  it("does nothing by itself when it is old", () => {
    expect(isFresh(code("a"), "2026-11-22T14:00:14.000Z")).toBe(true);
    expect(isFresh(code("a"), "2026-11-22T14:00:15.000Z")).toBe(false);
  });
  it("is a question where something is missing", () => {
    expect(questionOf(order("asks_for_machine"))?.order.work_order).toBe("WO-1");
    expect(questionOf(order("asks_for_operator"))).not.toBeNull();
    expect(questionOf(order("started"))).toBeNull();
    expect(questionOf(code("a"))).toBeNull();
  });
  it("is answered by a job that began after it, not by one that ran before", () => {
    const question = questionOf(order("asks_for_machine"));
    if (!question) throw new Error("no question");
    expect(isAnswered(question, working("WO-1", "2026-11-22T14:00:03.000Z"))).toBe(true);
    expect(isAnswered(question, working("WO-1", "2026-11-22T13:59:59.000Z"))).toBe(false);
    expect(isAnswered(question, working("WO-2", "2026-11-22T14:00:03.000Z"))).toBe(false);
    expect(isWorkedOn(question, working("WO-1", "2026-11-22T13:59:59.000Z"))).toBe(true);
    expect(isWorkedOn(question, working("WO-2", "2026-11-22T13:59:59.000Z"))).toBe(false);
  });
});
