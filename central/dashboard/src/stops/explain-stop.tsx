import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { durationText, Elapsed, ForeignText, momentText, serverNow } from "screens";
import { problemOf } from "../api/problem.ts";
import type { Stop } from "../api/types.ts";
import { useMachine } from "../live/use-board.ts";
import { Button } from "../parts/button.tsx";
import { Dialog, DialogButtons } from "../parts/dialog.tsx";
import { Choice, TextAreaField, TextField } from "../parts/field.tsx";
import { ErrorNotice, Loading } from "../parts/notices.tsx";
import { useMay } from "../session/session.ts";
import { fromLocalInput, toLocalInput } from "../time/zone.ts";
import { ReasonPicker } from "./reason-picker.tsx";
import { type Correction, reasonsQuery, useCorrection } from "./requests.ts";
import { StopHistory } from "./stop-history.tsx";
import { givenByPerson, lengthOf } from "./words.ts";

type View = "reason" | "note" | "split" | "history";

const VIEWS = [
  { value: "reason", label: "Reason" },
  { value: "note", label: "Note" },
  { value: "split", label: "Split" },
  { value: "history", label: "History" },
] as const;

/** One stop: why it was, what else is to be said, where it was really two, and who said what. */
export function ExplainStop({
  stop,
  time_zone,
  onClose,
}: {
  stop: Stop;
  time_zone: string | undefined;
  onClose: () => void;
}) {
  const may = useMay("stops:write");
  const [view, setView] = useState<View>(may ? "reason" : "history");
  const [note, setNote] = useState("");
  const [why, setWhy] = useState("");
  const unsaved = note.trim() !== "" || why.trim() !== "";
  return (
    <Dialog title={<Title stop={stop} time_zone={time_zone} />} onClose={onClose} unsaved={unsaved} wide>
      {may ? (
        <div className="mb-4">
          <Choice label="What to do" value={view} options={VIEWS} onChange={setView} />
        </div>
      ) : (
        <p className="mb-4 text-ink-soft text-sm">What was said of it. Shift leads and managers explain stops.</p>
      )}
      {view === "reason" && <GiveReason stop={stop} why={why} onWhy={setWhy} onDone={onClose} />}
      {view === "note" && <LeaveNote stop={stop} note={note} onNote={setNote} onDone={onClose} />}
      {view === "split" && <Split stop={stop} time_zone={time_zone ?? "UTC"} onDone={onClose} />}
      {view === "history" && <StopHistory entries={stop.history ?? []} time_zone={time_zone} />}
    </Dialog>
  );
}

function Title({ stop, time_zone }: { stop: Stop; time_zone: string | undefined }) {
  const title = useMachine(stop.machine_id)?.title || stop.machine;
  return (
    <>
      <ForeignText max={60}>{title}</ForeignText>
      <span className="block font-normal text-base text-ink-soft">
        {momentText(stop.began_at, "dayAndTime", time_zone)} –{" "}
        {stop.ended_at == null ? "goes on" : momentText(stop.ended_at, "time", time_zone)} ·{" "}
        {stop.ended_at == null ? <Elapsed since={stop.began_at} /> : durationText(lengthOf(stop, serverNow()))}
      </span>
    </>
  );
}

/** Sends what is said under a key that stays the same until it was stored. */
function useSaying(stop: Stop, onDone: () => void) {
  const correction = useCorrection(stop);
  const [id] = useState(newKey);
  return {
    busy: correction.isPending,
    error: correction.error,
    say: (said: Correction) => correction.mutate({ ...said, id }, { onSuccess: onDone }),
  };
}

/** `randomUUID` wants HTTPS; the plant's network may have none. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function GiveReason({
  stop,
  why,
  onWhy,
  onDone,
}: {
  stop: Stop;
  why: string;
  onWhy: (why: string) => void;
  onDone: () => void;
}) {
  const reasons = useQuery(reasonsQuery(stop.plant));
  const [chosen, setChosen] = useState<string | null>(stop.reason?.code ?? null);
  const { busy, error, say } = useSaying(stop, onDone);
  const corrects = givenByPerson(stop) && chosen !== stop.reason?.code;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (chosen === null) return;
    say({ reason: chosen, why: (corrects && why.trim()) || undefined });
  };
  if (reasons.isPending) return <Loading rows={4} />;
  if (reasons.isLoadingError) return <ErrorNotice error={reasons.error} onRetry={() => void reasons.refetch()} />;
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      {stop.said_since && (
        <p>
          The station said later: <ForeignText max={60}>{stop.said_since.title || stop.said_since.code}</ForeignText>.
          The reason that was given here holds until it is corrected here.
        </p>
      )}
      <ReasonPicker reasons={reasons.data} chosen={chosen} onChoose={setChosen} />
      {corrects && (
        <TextField
          label="Why is it corrected?"
          value={why}
          onChange={(event) => onWhy(event.target.value)}
          hint="Somebody gave a reason before; both stay in the history."
          required
          maxLength={500}
        />
      )}
      {error && <ErrorNotice error={error} />}
      <DialogButtons>
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" busy={busy} disabled={chosen === null || chosen === stop.reason?.code}>
          {stop.reason ? "Correct the reason" : "Give this reason"}
        </Button>
      </DialogButtons>
    </form>
  );
}

function LeaveNote({
  stop,
  note,
  onNote,
  onDone,
}: {
  stop: Stop;
  note: string;
  onNote: (note: string) => void;
  onDone: () => void;
}) {
  const { busy, error, say } = useSaying(stop, onDone);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (note.trim() !== "") say({ note: note.trim() });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextAreaField
        label="Note"
        value={note}
        onChange={(event) => onNote(event.target.value)}
        hint="What the next shift should know."
        required
        maxLength={2000}
        autoFocus
      />
      {error && <ErrorNotice error={error} />}
      <DialogButtons>
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" busy={busy}>
          Leave note
        </Button>
      </DialogButtons>
    </form>
  );
}

function Split({ stop, time_zone, onDone }: { stop: Stop; time_zone: string; onDone: () => void }) {
  const { busy, error, say } = useSaying(stop, onDone);
  const [wrong, setWrong] = useState<string>();
  if (stop.ended_at == null) {
    return <p>A stop can be split when it is over. Until then it can have a reason and notes.</p>;
  }
  const [from, to] = [Date.parse(stop.began_at), Date.parse(stop.ended_at)];
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const at = fromLocalInput(String(new FormData(event.currentTarget).get("from")), time_zone);
    if (!(at > from && at < to)) {
      return setWrong(
        `It lies after ${momentText(from, "timeToSecond", time_zone)} and before ${momentText(to, "timeToSecond", time_zone)}.`,
      );
    }
    setWrong(undefined);
    say({ from: new Date(at).toISOString() });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextField
        name="from"
        type="datetime-local"
        step="1"
        label="A second stop began at"
        hint={`Each part then has a reason of its own. By the plant's clock (${time_zone}).`}
        defaultValue={toLocalInput((from + to) / 2, time_zone)}
        required
        error={wrong ?? (error ? problemOf(error).message : undefined)}
      />
      <DialogButtons>
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" busy={busy}>
          Split the stop
        </Button>
      </DialogButtons>
    </form>
  );
}
