import { useId, useState } from "react";
import { ForeignText } from "screens";
import { newId } from "../agent/agent";
import type { Machine, Stop } from "../api";
import { useDraft } from "../entries/drafts";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { ReasonGrid } from "../ui/reason-grid";
import { AtCentral } from "./at-central";
import { SplitForm } from "./split-form";
import { titleOf } from "./stops";
import { StopTimes } from "./stops-panel";

const MAXIMUM_NOTE = 1_000;

/** One stop: its reason, a note, and where it must be split. */
export function StopPanel({ machine, stop }: { machine: Machine; stop: Stop }) {
  const { view, texts, open, submit, withOperator } = useStation();
  const [part, setPart] = useState<"reason" | "note" | "split">("reason");
  const toList = () => open({ is: "stops", machine: machine.name });
  const parts = [
    ["reason", "stops", texts.reason],
    ["note", "note", texts.note],
    ["split", "split", texts.split],
  ] as const;
  if (stop.split_at_central !== null) {
    return (
      <Panel wide title={<StopTitle stop={stop} />} onBack={toList}>
        <Holds stop={stop} />
      </Panel>
    );
  }
  return (
    <Panel wide title={<StopTitle stop={stop} />} onBack={toList}>
      <Holds stop={stop} />
      <div className="mb-4 grid grid-cols-3 gap-2">
        {parts.map(([key, icon, word]) => (
          <Button
            key={key}
            look={part === key ? "primary" : "plain"}
            aria-pressed={part === key}
            onClick={() => setPart(key)}
          >
            <Icon name={icon} />
            {word}
          </Button>
        ))}
      </div>
      {part === "reason" && (
        <ReasonGrid
          grouped
          reasons={view.reasons.downtime}
          chosen={stop.reason}
          onChoose={({ code, title }) =>
            withOperator((operator) => {
              const body = { id: newId(), operator, machine: machine.name, stop: stop.stop, reason: code };
              void submit("stop/reason", body, texts.labels.reason(title));
              toList();
            })
          }
        />
      )}
      {part === "note" && <NoteForm machine={machine} stop={stop} onDone={toList} />}
      {part === "split" && <SplitForm machine={machine} stop={stop} onDone={toList} />}
    </Panel>
  );
}

/** What was said at central stands above what may be entered, so that nobody enters it in vain unknowingly. */
function Holds({ stop }: { stop: Stop }) {
  const { view, texts } = useStation();
  const { corrected, split_at_central } = stop;
  if (corrected === null && split_at_central === null) return null;
  const title = titleOf(view.reasons.downtime, stop);
  return (
    <section aria-label={texts.from_central} className="mb-4 rounded-card border-2 border-line bg-raised p-4 text-lg">
      <strong className="block text-xl">
        {title === null ? texts.no_reason : <ForeignText max={60}>{title}</ForeignText>}
      </strong>
      {corrected?.why && (
        <p>
          <ForeignText max={500}>{corrected.why}</ForeignText>
        </p>
      )}
      <AtCentral stop={stop} />
      <p className="mt-2">{split_at_central ? texts.explain_at_central : texts.central_holds}</p>
    </section>
  );
}

function StopTitle({ stop }: { stop: Stop }) {
  const { texts } = useStation();
  return (
    <span className="flex items-center justify-between gap-4 pr-2">
      {texts.stops}
      <span className="font-normal text-base">
        <StopTimes stop={stop} />
      </span>
    </span>
  );
}

function NoteForm({ machine, stop, onDone }: { machine: Machine; stop: Stop; onDone: () => void }) {
  const { texts, submit, withOperator } = useStation();
  const { text: note, change, sent } = useDraft("stop-note", `${machine.name} ${stop.stop}`, stop.note ?? "");
  const id = useId();
  const send = () =>
    withOperator((operator) => {
      const body = { id: newId(), operator, machine: machine.name, stop: stop.stop, note: note.trim() };
      sent(submit("stop/note", body, texts.labels.note));
      onDone();
    });
  return (
    <div className="grid gap-3">
      <label htmlFor={id} className="font-medium text-lg">
        {texts.note}
      </label>
      <textarea
        id={id}
        rows={4}
        maxLength={MAXIMUM_NOTE}
        value={note}
        onChange={(event) => change(event.target.value)}
        className="rounded-card border-2 border-edge bg-raised p-3 text-lg"
      />
      <Button large look="primary" disabled={note.trim() === ""} onClick={send}>
        {texts.store_note}
      </Button>
    </div>
  );
}
