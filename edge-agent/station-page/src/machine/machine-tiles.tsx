import { Elapsed, ForeignName, stateColour } from "screens";
import type { Machine } from "../api";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";
import { StateMark } from "./state-mark";
import { isUnexplained } from "./stops";

/** Several machines at one station: pick one. */
export function MachineTiles() {
  const { view, texts } = useStation();
  if (view.machines.length === 0) {
    return (
      <div className="m-auto max-w-prose p-6 text-center">
        <h2 className="font-semibold text-2xl">{texts.no_machines}</h2>
        <p className="mt-2 text-ink-soft">{texts.no_machines_hint}</p>
      </div>
    );
  }
  return (
    <>
      <h2 className="mb-3 font-semibold text-xl">{texts.choose_machine}</h2>
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {view.machines.map((machine) => (
          <li key={machine.name}>
            <Tile machine={machine} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Tile({ machine }: { machine: Machine }) {
  const { texts } = useStation();
  const isStopped = machine.state === "stopped";
  const colours = isStopped ? "bg-alarm-fill text-on-alarm" : "bg-surface";
  return (
    <a
      href={`#${encodeURIComponent(machine.name)}`}
      className={`flex min-h-36 flex-col gap-2 rounded-card p-4 active:brightness-95 ${colours}`}
    >
      <span className="flex items-center gap-2 font-semibold text-xl">
        <span className="min-w-0 flex-1">
          <ForeignName max={40}>{machine.title}</ForeignName>
        </span>
        <Icon name="forward" />
      </span>
      <span className="flex flex-wrap items-center justify-between gap-x-4 text-2xl">
        <StateMark state={machine.state} className={isStopped ? "" : stateColour(machine.state)} />
        <Elapsed since={machine.state_since} />
      </span>
      <span className={`mt-auto flex flex-wrap items-center gap-x-4 ${isStopped ? "" : "text-ink-soft"}`}>
        <span>{machine.job ? <ForeignName max={40}>{machine.job.product_title}</ForeignName> : texts.no_job}</span>
        {machine.stops.some(isUnexplained) && (
          <span className="flex items-center gap-1 font-medium">
            <Icon name="warning" className="size-5" />
            {texts.reasons_missing}
          </span>
        )}
        {machine.help_called_at && (
          <span className="flex items-center gap-1 font-medium">
            <Icon name="help" className="size-5" />
            {texts.call_help}
          </span>
        )}
      </span>
    </a>
  );
}
