import { describe, expect, test } from "vitest";
import { deliveryOf, jobWord, rulesDraft, rulesOf, thresholdOf } from "./words.ts";

describe("a threshold", () => {
  test("is typed in minutes, with a point or a comma", () => {
    expect(thresholdOf("5")).toBe(300);
    expect(thresholdOf("0,5")).toBe(30);
  });

  test("is refused where central would refuse it", () => {
    expect(thresholdOf("")).toBeNull();
    expect(thresholdOf("soon")).toBeNull();
    expect(thresholdOf("0.1")).toBeNull();
    expect(thresholdOf("10081")).toBeNull();
  });
});

describe("rules that are sent", () => {
  const draft = rulesDraft({
    line: null,
    rules: [
      { kind: "machine_down", enabled: true, threshold_s: 600, own: true },
      { kind: "gap", enabled: false, own: true },
      { kind: "agent_silent", enabled: true, threshold_s: 300, own: false },
    ],
  });

  test("are those that are set right here", () => {
    expect(rulesOf(draft)).toEqual([
      { kind: "machine_down", enabled: true, threshold_s: 600 },
      { kind: "gap", enabled: false },
    ]);
  });

  test("are none while one of them is no rule", () => {
    expect(rulesOf(draft.map((rule) => ({ ...rule, minutes: "soon" })))).toBeNull();
  });
});

test("a job is told in words, and an unknown one by its own", () => {
  expect(jobWord("call_webhook")).toBe("Call a webhook");
  expect(jobWord("make_coffee")).toBe("make_coffee");
});

test("only a message that names a delivery has one", () => {
  expect(deliveryOf({ kind: "send_mail", delivery: "0199" })).toBe("0199");
  for (const message of [null, "delivery", [], {}, { delivery: 7 }]) expect(deliveryOf(message)).toBeUndefined();
});
