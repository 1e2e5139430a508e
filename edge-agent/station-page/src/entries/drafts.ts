/**
 * Notes that were begun: a glove on the cross, a reload, a refusal must not lose what was typed. One of each kind for each
 * operator, kept by the browser until its note is sent; of a note that was refused it is there again.
 */

import { useState } from "react";
import type { Outcome } from "../agent/outbox";
import { useStation } from "../station/station";

export type DraftKind = "shift-note" | "stop-note";
type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export class Drafts {
  private readonly key: string;

  /** `of`: what it is a note of. One of something else is not this one's. */
  constructor(
    private readonly store: Store,
    kind: DraftKind,
    operator: string | null,
    private readonly of: string,
  ) {
    this.key = `station.draft.${kind}.${operator ?? ""}`;
  }

  read(): string | null {
    try {
      const { of, text } = JSON.parse(this.store.getItem(this.key) ?? "{}") as { of?: string; text?: string };
      return of === this.of && typeof text === "string" ? text : null;
    } catch {
      return null;
    }
  }

  write(text: string): void {
    try {
      this.store.setItem(this.key, JSON.stringify({ of: this.of, text }));
    } catch {
      // A browser that keeps nothing still sends.
    }
  }

  forget(): void {
    if (this.read() !== null) this.store.removeItem(this.key);
  }
}

/** The text of a note that is being written; `began` is what it begins from where nothing was typed before. */
export function useDraft(kind: DraftKind, of: string, began: string) {
  const { operator } = useStation();
  const drafts = new Drafts(localStorage, kind, operator, of);
  const [text, setText] = useState(() => drafts.read() ?? began);
  return {
    text,
    change: (text: string) => {
      setText(text);
      if (text === began) drafts.forget();
      else drafts.write(text);
    },
    /** To be called with what became of it. */
    sent: (outcome: Promise<Outcome>) => {
      drafts.forget();
      void outcome.then(({ is }) => is === "refused" && drafts.write(text));
    },
  };
}
