import { useId } from "react";
import { newId } from "../agent/agent";
import type { Machine } from "../api";
import { useDraft } from "../entries/drafts";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Panel } from "../ui/panel";

const MAXIMUM_NOTE = 1_000;

/** What the next shift should know. */
export function ShiftNotePanel({ machine }: { machine: Machine }) {
  const { texts, close, submit, withOperator } = useStation();
  const { text: note, change, sent } = useDraft("shift-note", machine.name, "");
  const id = useId();
  const send = () =>
    withOperator((operator) => {
      const body = { id: newId(), operator, machine: machine.name, note: note.trim() };
      sent(submit("shift-note", body, texts.labels.shift_note));
      close();
    });
  return (
    <Panel
      title={texts.shift_note}
      footer={
        <Button large look="primary" className="w-full" disabled={note.trim() === ""} onClick={send}>
          {texts.store_note}
        </Button>
      }
    >
      <label htmlFor={id} className="mb-2 block font-medium text-lg">
        {texts.note_for_next}
      </label>
      <textarea
        id={id}
        data-first
        rows={6}
        maxLength={MAXIMUM_NOTE}
        placeholder={texts.note_placeholder}
        value={note}
        onChange={(event) => change(event.target.value)}
        className="w-full rounded-card border-2 border-edge bg-raised p-3 text-lg placeholder:text-ink-soft"
      />
    </Panel>
  );
}
