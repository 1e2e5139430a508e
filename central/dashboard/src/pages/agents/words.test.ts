import { describe, expect, test } from "vitest";
import {
  type Agent,
  agentMoment,
  bytesText,
  decisionShows,
  heldGroups,
  offsetText,
  releasedText,
  standings,
  worstFirst,
} from "./words.ts";

const NOW = Date.parse("2026-11-22T12:00:00Z");

const agent = (change: Partial<Agent>): Agent => ({
  id: 1,
  uuid: "00000000-0000-0000-0000-000000000000",
  name: "line-1",
  plant: "demo",
  enabled: true,
  enrolled_at: "2026-11-01T00:00:00Z",
  last_sync_at: "2026-11-22T11:59:55Z",
  conditions: [],
  gaps: { count: 0, lost: 0 },
  log: { acknowledged: 1, epoch: 1 },
  dropped_events: 0,
  poison_messages: 0,
  quarantined_events: 0,
  rejected_frames: 0,
  ...change,
});

const DIVERGENCE = {
  id: 1,
  reason: "copied",
  text: "",
  refused_batches: 3,
  first_seen_at: "2026-11-22T11:00:00Z",
  last_seen_at: "2026-11-22T11:59:00Z",
};

const DECIDED = {
  id: 1,
  resolved_at: "2026-11-22T11:20:00Z",
  resolved_by: "ada",
  last_refused_at: "2026-11-22T11:19:59Z",
};

const condition = (subject: string, health: string) => ({ subject, health, kind: "modbus", reason: "", since: null });
const words = (it: Agent) => standings(it, NOW).map((standing) => standing.word);

describe("how an agent stands", () => {
  test("one that talks and has nothing to say against itself is in sync", () => {
    expect(words(agent({}))).toEqual(["in sync"]);
  });

  test("two histories come before silence", () => {
    expect(words(agent({ divergence: DIVERGENCE, last_sync_at: "2026-11-22T11:00:00Z" }))).toEqual([
      "two histories",
      "silent",
    ]);
  });

  test("one that is ahead of a restored central has one history", () => {
    const divergence = { ...DIVERGENCE, reason: "claimed_by_agent" };
    expect(words(agent({ divergence }))).toEqual(["ahead of central"]);
  });

  test("a copy that was decided against is told as long as it asks", () => {
    const decided = (last_refused_at: string) => ({ ...DECIDED, last_refused_at });
    expect(words(agent({ decided_divergence: decided("2026-11-22T11:59:30Z") }))).toEqual(["a copy is refused"]);
    expect(words(agent({ decided_divergence: decided("2026-11-22T11:30:00Z") }))).toEqual(["in sync"]);
    expect(words(agent({ decided_divergence: DECIDED }))).toEqual(["in sync"]);
  });

  test("a disabled one is only that", () => {
    expect(words(agent({ enabled: false, last_sync_at: null }))).toEqual(["disabled"]);
  });

  test("sources that are down are counted", () => {
    const conditions = [condition("a", "down"), condition("b", "down"), condition("c", "degraded")];
    expect(words(agent({ conditions }))).toEqual(["2 sources down"]);
  });
});

test("what is wrong comes first", () => {
  const sorted = worstFirst([condition("b", "good"), condition("c", "down"), condition("a", "good")]);
  expect(sorted.map((one) => one.subject)).toEqual(["c", "a", "b"]);
});

test("an offset has a sign and a unit that fits", () => {
  expect(offsetText(-12.4)).toBe("−12 ms");
  expect(offsetText(3_400)).toBe("+3.4 s");
  expect(offsetText(-7_200_000)).toBe("−2 h");
});

test("bytes are spelled in thousands", () => {
  expect(bytesText(999)).toBe("999 B");
  expect(bytesText(2_412_000)).toBe("2.4 MB");
});

test("a moment that no calendar holds is none", () => {
  expect(agentMoment(1_800_000_000_000_000)?.toISOString()).toBe("2027-01-15T08:00:00.000Z");
  expect(agentMoment(9e18)).toBeNull();
});

test("a decision shows for a week, and longer while somebody is refused by it", () => {
  const week_later = Date.parse("2026-11-29T12:00:00Z");
  expect(decisionShows(DECIDED, NOW)).toBe(true);
  expect(decisionShows(DECIDED, week_later)).toBe(false);
  expect(decisionShows({ ...DECIDED, last_refused_at: "2026-11-29T11:00:00Z" }, week_later)).toBe(true);
});

test("what is released together is one group", () => {
  const held = (id: number, reason: string, origin: string) => ({
    ...{ id, reason, origin, origin_kind: "machine", plant: "north", agent: "a", agent_uuid: "", detail: "" },
    ...{ at_us: 0, epoch: 1, seq: id, received_at: "2026-11-22T11:00:00Z" },
  });
  const groups = heldGroups([held(1, "future", "m"), held(2, "no_machine", "m"), held(3, "future", "m")]);
  expect(groups.map(({ reason, origin }) => [reason, origin])).toEqual([
    ["future", "m"],
    ["no_machine", "m"],
  ]);
});

test("what came of a release is a sentence", () => {
  expect(releasedText({ facts: 1, held: 0 })).toBe("1 event became a fact.");
  expect(releasedText({ facts: 2, held: 1 })).toBe(
    "2 events became facts; 1 event stays, because the reason still holds.",
  );
  expect(releasedText({ facts: 0, held: 3 })).toBe(
    "Nothing became a fact; 3 events stay, because the reason still holds.",
  );
  expect(releasedText({ facts: 0, held: 0 })).toContain("somebody has released it");
});
