/**
 * What was entered and is not yet stored. Entries go to the agent one at a time, in the order they were made, each under
 * the id it was made with: an answer that was lost on its way is asked for again, and the agent stores an id once. Until
 * then an entry is kept in the browser's storage, where a reload, a crash and a reboot leave it. It leaves the outbox
 * when the agent has stored it, refused it, or somebody withdraws it.
 */

import type { Refusal, Stored } from "../api";

export type Answer =
  | { is: "stored"; stored: Stored }
  | { is: "refused"; refusal: Refusal }
  /** No answer, or one that says the agent cannot store at this time. */
  | { is: "not_stored"; why: string | null };

export interface Waiting {
  /** Unlike the id, different for an entry and for what takes it back. */
  key: string;
  path: string;
  body: { id: string };
  /** What it is, in the words of whoever entered it. */
  label: string;
  made_at: number;
  /** How often it was sent in vain. */
  attempts: number;
  /** What the agent said why not. */
  why: string | null;
}

export interface Surroundings {
  post(path: string, body: unknown): Promise<Answer>;
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;
  now(): number;
  /** Calls back later; returns how to cancel. */
  later(ms: number, callback: () => void): () => void;
}

export type Outcome =
  | { is: "stored"; stored: Stored; attempts: number }
  | { is: "refused"; refusal: Refusal }
  | { is: "withdrawn" };

const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000];
const PREFIX = "station.outbox.";

export const pauseAfter = (attempts: number): number =>
  PAUSES_MS[Math.min(Math.max(attempts, 1), PAUSES_MS.length) - 1] ?? 0;

export class Outbox {
  private items: readonly Waiting[] = [];
  private readonly settle = new Map<string, (outcome: Outcome) => void>();
  private readonly watchers = new Set<() => void>();
  private late: ((waiting: Waiting, outcome: Outcome) => void) | null = null;
  private untold: [Waiting, Outcome][] = [];
  private isSending = false;
  private cancelPause: (() => void) | null = null;

  constructor(private readonly surroundings: Surroundings) {
    this.items = kept(surroundings.storage);
    void this.sendNext();
  }

  /** Told of entries that an earlier life of the page had made, also of those that were answered before anybody listened. */
  onLate(listener: (waiting: Waiting, outcome: Outcome) => void): void {
    this.late = listener;
    for (const told of this.untold.splice(0)) listener(...told);
  }

  waiting = (): readonly Waiting[] => this.items;

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** `secret` entries are never written down: they are lost with the page. */
  send(path: string, body: { id: string }, label: string, { secret = false } = {}): Promise<Outcome> {
    const key = `${path} ${body.id}`;
    // In the order they were made, also where the clock is set back in between.
    const made_at = Math.max(this.surroundings.now(), (this.items.at(-1)?.made_at ?? 0) + 1);
    const waiting = { key, path, body, label, made_at, attempts: 0, why: null };
    if (!secret) keep(this.surroundings.storage, waiting);
    const outcome = new Promise<Outcome>((resolve) => this.settle.set(key, resolve));
    this.change([...this.items, waiting]);
    void this.sendNext();
    return outcome;
  }

  /** Gives an entry up. It may have been stored all the same, if only the answer was lost. */
  withdraw(key: string): void {
    this.finish(key, { is: "withdrawn" });
  }

  /** Tries at once: the agent was just heard of. */
  wake(): void {
    this.cancelPause?.();
    this.cancelPause = null;
    void this.sendNext();
  }

  private async sendNext(): Promise<void> {
    const next = this.items[0];
    if (!next || this.isSending || this.cancelPause) return;
    this.isSending = true;
    const answer = await this.surroundings.post(next.path, next.body);
    this.isSending = false;
    if (answer.is === "stored") {
      this.finish(next.key, { is: "stored", stored: answer.stored, attempts: next.attempts + 1 });
    } else if (answer.is === "refused") {
      this.finish(next.key, { is: "refused", refusal: answer.refusal });
    } else {
      const attempts = next.attempts + 1;
      this.change(this.items.map((item) => (item.key === next.key ? { ...item, attempts, why: answer.why } : item)));
      this.cancelPause = this.surroundings.later(pauseAfter(attempts), () => this.wake());
    }
    void this.sendNext();
  }

  private finish(key: string, outcome: Outcome): void {
    const item = this.items.find((waiting) => waiting.key === key);
    if (!item) return;
    this.surroundings.storage.removeItem(PREFIX + key);
    this.change(this.items.filter((waiting) => waiting.key !== key));
    const settle = this.settle.get(key);
    this.settle.delete(key);
    if (settle) settle(outcome);
    else if (this.late) this.late(item, outcome);
    else this.untold.push([item, outcome]);
  }

  private change(items: readonly Waiting[]): void {
    this.items = items;
    for (const watcher of this.watchers) watcher();
  }
}

/** One record each: two pages open on one computer do not overwrite each other's. */
function keep(storage: Surroundings["storage"], waiting: Waiting): void {
  try {
    storage.setItem(PREFIX + waiting.key, JSON.stringify(waiting));
  } catch {
    // A browser that keeps nothing still sends.
  }
}

function kept(storage: Surroundings["storage"]): Waiting[] {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  return keys
    .filter((key): key is string => key?.startsWith(PREFIX) ?? false)
    .flatMap((key) => {
      try {
        return [JSON.parse(storage.getItem(key) ?? "") as Waiting];
      } catch {
        storage.removeItem(key);
        return [];
      }
    })
    .sort((a, b) => a.made_at - b.made_at);
}
