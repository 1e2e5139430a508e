import { describe, expect, it } from "vitest";
import type { Entry, EntryKind, Said } from "../api";
import { de } from "../texts/de";
import { en } from "../texts/en";
import { entryText } from "./entry-text";

const REASONS = [{ code: "burr", title: "Grat", planned: false }];
const entry = (kind: EntryKind, said: Said | null): Entry => ({
  id: "1",
  at: "2026-11-22T14:00:00.000Z",
  kind,
  machine: "press-1",
  operator: "Anna",
  text: "as the agent says it",
  said,
  at_central: true,
  undo_until: null,
  undone: false,
});
const german = (kind: EntryKind, said: Said | null = null) => entryText(entry(kind, said), REASONS, de);

describe("what was entered", () => {
  it("is in English what the agent says", () =>
    expect(entryText(entry("log_on", null), REASONS, en)).toBe("as the agent says it"));
  it("is said in German, whatever it is", () => {
    expect(german("log_on")).toBe("Anna ist angemeldet");
    expect(german("job", { is: "job", action: "switch", work_order: "WO-2" })).toBe("Zu WO-2 gewechselt");
    expect(german("pieces", { is: "pieces", good: 0, scrap: 3, rework: 1, reason: "burr" })).toBe(
      "3 Ausschuss, 1 Nacharbeit: Grat",
    );
    expect(german("pieces", { is: "pieces", good: 2, scrap: 0, rework: 0, reason: null })).toBe("2 gut");
    expect(german("help", { is: "help", active: false })).toBe("Hilfe ist da");
    expect(german("scan", { is: "code", text: "4006" })).toBe("Gescannt: 4006");
  });
  it("is a note as it was written", () => expect(german("shift_note")).toBe("as the agent says it"));
});
