import { useId, useState } from "react";
import { durationText } from "screens";
import { newId } from "../agent/agent";
import type { Machine, Stop } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { placeOf, places } from "./split";

/** Splits a stop in two: a slider for the rough place, steps of a minute for the exact one. */
export function SplitForm({ machine, stop, onDone }: { machine: Machine; stop: Stop; onDone: () => void }) {
  const { texts, formats, submit, withOperator } = useStation();
  const span = { began: Date.parse(stop.began_at), ended: Date.parse(stop.ended_at ?? stop.began_at) };
  const most = places(span);
  const [minutes, setMinutes] = useState(Math.max(1, Math.round(most / 2)));
  const id = useId();
  if (stop.ended_at === null) return <p className="text-lg">{texts.split_when_over}</p>;
  if (most === 0) return <p className="text-lg">{texts.too_short_to_split}</p>;
  const at = placeOf(span, minutes);
  const move = (by: number) => setMinutes(Math.min(most, Math.max(1, minutes + by)));
  const send = () =>
    withOperator((operator) => {
      const from = new Date(at).toISOString();
      const body = { id: newId(), operator, machine: machine.name, stop: stop.stop, from };
      void submit("stop/split", body, texts.labels.split(formats.time(at)));
      onDone();
    });
  const share = (at - span.began) / (span.ended - span.began);
  return (
    <div className="grid gap-4">
      <label htmlFor={id} className="text-lg">
        {texts.split_hint}
      </label>
      <div className="flex h-20 gap-1 text-on-accent" aria-hidden="true">
        <Part word={texts.first_part} ms={at - span.began} share={share} className="bg-accent" />
        <Part word={texts.second_part} ms={span.ended - at} share={1 - share} className="bg-ink-soft text-canvas" />
      </div>
      <input
        id={id}
        type="range"
        min={1}
        max={most}
        value={minutes}
        aria-valuetext={formats.time(at)}
        onChange={(event) => setMinutes(Number(event.target.value))}
        className="h-12 w-full accent-accent"
      />
      <div className="grid grid-cols-2 gap-3">
        <Button large disabled={minutes <= 1} onClick={() => move(-1)}>
          <Icon name="back" />
          {texts.minute_earlier}
        </Button>
        <Button large disabled={minutes >= most} onClick={() => move(1)}>
          {texts.minute_later}
          <Icon name="forward" />
        </Button>
      </div>
      <Button large look="primary" onClick={send}>
        <Icon name="split" />
        {texts.split_at(formats.time(at))}
      </Button>
    </div>
  );
}

function Part({ word, ms, share, className }: { word: string; ms: number; share: number; className: string }) {
  return (
    <div
      className={`flex min-w-0 flex-col justify-center overflow-hidden rounded-control px-3 ${className}`}
      style={{ width: `${share * 100}%` }}
    >
      <span className="truncate">{word}</span>
      <strong className="truncate text-lg">{durationText(ms)}</strong>
    </div>
  );
}
