import { expect, it } from "vitest";
import { Drafts } from "./drafts";

function store(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
    get length() {
      return kept.size;
    },
  } as Storage;
}

it("what was typed is there again, for the same operator and the same place", () => {
  const kept = store();
  new Drafts(kept, "shift-note", "17", "press-1").write("The belt is worn.");
  expect(new Drafts(kept, "shift-note", "17", "press-1").read()).toBe("The belt is worn.");
  expect(new Drafts(kept, "shift-note", "18", "press-1").read()).toBeNull();
  expect(new Drafts(kept, "shift-note", "17", "press-2").read()).toBeNull();
  expect(new Drafts(kept, "stop-note", "17", "press-1").read()).toBeNull();
});

it("one that is sent is forgotten, and never one of another place", () => {
  const kept = store();
  const draft = new Drafts(kept, "stop-note", "17", "press-1 4");
  draft.write("A loose sensor.");
  new Drafts(kept, "stop-note", "17", "press-1 5").forget();
  expect(draft.read()).toBe("A loose sensor.");
  draft.forget();
  expect([draft.read(), kept.length]).toEqual([null, 0]);
});

it("drafts of one operator do not pile up", () => {
  const kept = store();
  for (let stop = 0; stop < 100; stop += 1) new Drafts(kept, "stop-note", "17", `press-1 ${stop}`).write("…");
  expect(kept.length).toBe(1);
});

it("what the browser kept badly is as if it were not there", () => {
  const kept = store();
  kept.setItem("station.draft.shift-note.17", "{");
  expect(new Drafts(kept, "shift-note", "17", "press-1").read()).toBeNull();
});
