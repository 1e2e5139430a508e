import { expect, test } from "vitest";
import type { Stored } from "../api";
import { type Answer, Outbox, type Outcome, pauseAfter, type Surroundings, type Waiting } from "./outbox";

class Memory {
  records = new Map<string, string>();
  get length() {
    return this.records.size;
  }
  key = (index: number) => [...this.records.keys()][index] ?? null;
  getItem = (key: string) => this.records.get(key) ?? null;
  setItem = (key: string, value: string) => void this.records.set(key, value);
  removeItem = (key: string) => void this.records.delete(key);
}

/** An agent that answers as told, and time that passes when told. */
class Bench implements Surroundings {
  storage = new Memory();
  sent: { path: string; body: unknown }[] = [];
  answers: (Answer | Promise<Answer>)[] = [];
  pauses: number[] = [];
  due: (() => void) | null = null;
  clock = 1_000;

  post = async (path: string, body: unknown) => {
    this.sent.push({ path, body });
    return this.answers.shift() ?? stored((body as { id: string }).id);
  };
  now = () => this.clock++;
  later = (ms: number, callback: () => void) => {
    this.pauses.push(ms);
    this.due = callback;
    return () => {
      this.due = null;
    };
  };
  async pass() {
    const due = this.due;
    this.due = null;
    due?.();
    await settled();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
const stored = (id: string): Answer => ({
  is: "stored",
  stored: { id, at: "2026-11-22T10:00:00Z", text: `stored ${id}`, already: false } satisfies Stored,
});
const unreachable: Answer = { is: "not_stored", why: null };

test("an entry is stored only when the agent says so", async () => {
  const bench = new Bench();
  let answer: (answer: Answer) => void = () => {};
  bench.answers.push(
    new Promise((resolve) => {
      answer = resolve;
    }),
  );
  const outbox = new Outbox(bench);
  let outcome: Outcome | null = null;
  void outbox.send("pieces", { id: "a" }, "5 good").then((result) => {
    outcome = result;
  });
  await settled();
  expect(outcome).toBeNull();
  expect(outbox.waiting().map(({ label }) => label)).toEqual(["5 good"]);
  answer(stored("a"));
  await settled();
  expect(outcome).toMatchObject({ is: "stored", attempts: 1 });
  expect(outbox.waiting()).toEqual([]);
  expect(bench.storage.length).toBe(0);
});

test("without an answer the same entry is sent again under the same id, with growing pauses", async () => {
  const bench = new Bench();
  bench.answers.push(unreachable, unreachable, { is: "not_stored", why: "the disk is full" });
  const outbox = new Outbox(bench);
  const outcome = outbox.send("pieces", { id: "a" }, "5 good");
  await settled();
  await bench.pass();
  await bench.pass();
  expect(outbox.waiting()[0]).toMatchObject({ attempts: 3, why: "the disk is full" });
  await bench.pass();
  expect(bench.pauses).toEqual([500, 1_000, 2_000]);
  expect(bench.sent).toEqual(Array(4).fill({ path: "pieces", body: { id: "a" } }));
  expect(await outcome).toMatchObject({ is: "stored", attempts: 4 });
});

test("entries arrive in the order they were made, also when the first must be repeated", async () => {
  const bench = new Bench();
  bench.answers.push(unreachable);
  const outbox = new Outbox(bench);
  void outbox.send("pieces", { id: "a" }, "5 good");
  void outbox.send("pieces/undo", { id: "a" }, "undo");
  void outbox.send("help", { id: "b" }, "help");
  await settled();
  expect(bench.sent).toHaveLength(1);
  await bench.pass();
  expect(bench.sent.map(({ path, body }) => `${path} ${(body as { id: string }).id}`)).toEqual([
    "pieces a",
    "pieces a",
    "pieces/undo a",
    "help b",
  ]);
});

test("an entry that the agent refuses does not hold up the next", async () => {
  const bench = new Bench();
  bench.answers.push({ is: "refused", refusal: { code: "unknown_stop", detail: "no such stop" } });
  const outbox = new Outbox(bench);
  const refused = outbox.send("stop/reason", { id: "a" }, "jam");
  const next = outbox.send("help", { id: "b" }, "help");
  expect(await refused).toMatchObject({ is: "refused", refusal: { detail: "no such stop" } });
  expect(await next).toMatchObject({ is: "stored" });
});

test("a reload loses nothing and says how it ended", async () => {
  const before = new Bench();
  before.answers.push(unreachable);
  const first = new Outbox(before);
  void first.send("pieces", { id: "a" }, "5 good");
  void first.send("shift-note", { id: "b" }, "note");
  await settled();

  const after = new Bench();
  after.storage = before.storage;
  const late: [Waiting, Outcome][] = [];
  const second = new Outbox(after);
  second.onLate((waiting, outcome) => void late.push([waiting, outcome]));
  await settled();
  expect(after.sent.map(({ path }) => path)).toEqual(["pieces", "shift-note"]);
  expect(late.map(([{ label }, { is }]) => [label, is])).toEqual([
    ["5 good", "stored"],
    ["note", "stored"],
  ]);
  expect(second.waiting()).toEqual([]);
});

test("a PIN is never written down", async () => {
  const bench = new Bench();
  bench.answers.push(unreachable);
  const outbox = new Outbox(bench);
  void outbox.send("log-on", { id: "a" }, "log on", { secret: true });
  await settled();
  expect(outbox.waiting()).toHaveLength(1);
  expect(bench.storage.length).toBe(0);
});

test("two pages on one computer keep their entries apart", async () => {
  const bench = new Bench();
  bench.answers.push(unreachable, unreachable);
  const one = new Outbox(bench);
  const two = new Outbox(bench);
  void one.send("help", { id: "a" }, "help");
  void two.send("help", { id: "b" }, "help");
  await settled();
  one.withdraw("help a");
  expect([...bench.storage.records.keys()]).toEqual(["station.outbox.help b"]);
});

test("an entry that is withdrawn is not sent again", async () => {
  const bench = new Bench();
  bench.answers.push(unreachable);
  const outbox = new Outbox(bench);
  const outcome = outbox.send("help", { id: "a" }, "help");
  await settled();
  outbox.withdraw("help a");
  expect(await outcome).toEqual({ is: "withdrawn" });
  await bench.pass();
  expect(bench.sent).toHaveLength(1);
});

test("hearing of the agent ends the pause", async () => {
  const bench = new Bench();
  bench.answers.push(unreachable);
  const outbox = new Outbox(bench);
  const outcome = outbox.send("help", { id: "a" }, "help");
  await settled();
  outbox.wake();
  expect(await outcome).toMatchObject({ is: "stored" });
  expect(bench.sent).toHaveLength(2);
});

test("what another version of the page left behind does no harm", () => {
  const bench = new Bench();
  bench.storage.setItem("station.outbox.x", "{");
  bench.storage.setItem("other", "{");
  expect(new Outbox(bench).waiting()).toEqual([]);
  expect([...bench.storage.records.keys()]).toEqual(["other"]);
});

test("pauses grow and end at some seconds", () => {
  expect([1, 2, 3, 4, 5, 6, 100].map(pauseAfter)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
});

test("what became of an entry of an earlier life is told also when the agent was quicker than the page", async () => {
  const before = new Bench();
  before.answers.push(unreachable);
  void new Outbox(before).send("pieces", { id: "a" }, "5 good");
  await settled();
  const after = new Bench();
  after.storage = before.storage;
  after.answers.push({ is: "refused", refusal: { code: "not_logged_on", detail: "Log on first." } });
  const outbox = new Outbox(after);
  await settled();
  expect(outbox.waiting()).toEqual([]);
  const late: string[] = [];
  outbox.onLate(({ label }, { is }) => void late.push(`${label} ${is}`));
  expect(late).toEqual(["5 good refused"]);
});

test("entries keep their order over a reload, also when the clock was set back between them", async () => {
  const before = new Bench();
  before.answers.push(unreachable);
  const outbox = new Outbox(before);
  before.clock = 50_000;
  void outbox.send("pieces", { id: "a" }, "5 good");
  before.clock = 1_000;
  void outbox.send("pieces/undo", { id: "a" }, "Undo");
  await settled();
  const after = new Bench();
  after.storage = before.storage;
  new Outbox(after);
  await settled();
  expect(after.sent.map(({ path }) => path)).toEqual(["pieces", "pieces/undo"]);
});
