import { useState } from "react";
import { ForeignText, serverNow, useAsTimePasses, visibleText } from "screens";
import type { Waiting } from "../agent/outbox";
import type { Entry } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { AtCentral, isHeldUp, NotStored } from "./entry-marks";
import { entryText } from "./entry-text";
import { notStoredText } from "./feedback";
import { useUndo } from "./feedback-bar";

/** What was entered here, newest first; on top what is not stored yet. */
export function EntriesPanel() {
  const { view, texts, waiting } = useStation();
  const isEmpty = view.entries.length === 0 && waiting.length === 0;
  return (
    <Panel title={texts.entries} wide>
      {isEmpty && <p className="text-lg">{texts.no_entries}</p>}
      <ul className="grid gap-2">
        {[...waiting].reverse().map((item) => (
          <WaitingRow key={item.key} item={item} />
        ))}
        {view.entries.map((entry) => (
          <EntryRow key={`${entry.id} ${entry.at}`} entry={entry} />
        ))}
      </ul>
    </Panel>
  );
}

function WaitingRow({ item }: { item: Waiting }) {
  const { texts, waiting, withdraw } = useStation();
  const [asks, setAsks] = useState(false);
  return (
    <li className="flex min-h-16 flex-wrap items-center gap-x-4 gap-y-2 rounded-card border-2 border-warning bg-warning-soft px-4 py-2">
      <span className="min-w-0 flex-1 text-lg">
        <ForeignText max={160}>{item.label}</ForeignText>
        {item.why && <span className="block text-ink-soft text-sm">{visibleText(notStoredText(item.why, texts))}</span>}
      </span>
      <NotStored />
      {isHeldUp(waiting) && !asks && <Button onClick={() => setAsks(true)}>{texts.discard}</Button>}
      {asks && (
        <span className="flex w-full items-center justify-end gap-2">
          {texts.discard_question}
          <Button look="alarm" onClick={() => withdraw(item.key)}>
            {texts.discard}
          </Button>
          <Button onClick={() => setAsks(false)}>{texts.cancel}</Button>
        </span>
      )}
    </li>
  );
}

function EntryRow({ entry }: { entry: Entry }) {
  const { view, texts, formats } = useStation();
  const undo = useUndo();
  const { undo_until } = entry;
  const text = entryText(entry, view.reasons.pieces, texts);
  const mayUndo = useAsTimePasses((now) => undo_until !== null && !entry.undone && now < Date.parse(undo_until));
  return (
    <li className="flex min-h-16 flex-wrap items-center gap-x-4 gap-y-1 rounded-card bg-surface px-4 py-2">
      <time dateTime={entry.at} className="whitespace-nowrap text-ink-soft">
        {formats.moment(entry.at, serverNow())}
      </time>
      <span className="min-w-40 flex-1">
        <span className={`text-lg ${entry.undone ? "line-through" : ""}`}>
          <ForeignText max={160}>{text}</ForeignText>
        </span>
        {entry.undone && <span className="ml-2 font-medium">{texts.undone}</span>}
        {entry.operator && (
          <span className="block text-ink-soft">
            <ForeignText max={40}>{entry.operator}</ForeignText>
          </span>
        )}
      </span>
      <AtCentral entry={entry} />
      {mayUndo && (
        <Button onClick={() => undo(entry.id, text)}>
          <Icon name="undo" />
          {texts.undo}
        </Button>
      )}
    </li>
  );
}
