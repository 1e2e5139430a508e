import { expect, it } from "vitest";
import { isAbnormal, MACHINE_STATES, shownState, stateMeaning, stateWord } from "./machine-state.ts";

it("every state has a word and a meaning of its own", () => {
  const shown = [...MACHINE_STATES, "never" as const];
  expect(new Set(shown.map(stateWord)).size).toBe(shown.length);
  expect(new Set(shown.map(stateMeaning)).size).toBe(shown.length);
});

it("a machine without a state was never heard of, and an unknown word is no data", () => {
  expect(shownState(null)).toBe("never");
  expect(shownState("running")).toBe("running");
  expect(shownState("levitating")).toBe("no_data");
});

it("what nobody knows is as abnormal as a stop", () => {
  expect(isAbnormal("stopped")).toBe(true);
  expect(isAbnormal("no_data")).toBe(true);
  expect(isAbnormal("off")).toBe(false);
});
