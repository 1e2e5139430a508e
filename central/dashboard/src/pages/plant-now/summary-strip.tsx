import { MachineStateShape, numberText, type ShownState, stateColour } from "screens";
import type { Summary } from "./overview.ts";

/** The plant in four numbers. Those that are zero step back. */
export function SummaryStrip({ of }: { of: Summary }) {
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:flex sm:flex-wrap sm:items-baseline sm:gap-x-10">
      <Figure state="running" value={of.running} word={`of ${numberText(of.machines)} running`} always />
      <Figure state="stopped" value={of.stopped} word="stopped" />
      <Figure state="no_data" value={of.unknown} word="without data" />
      <Figure value={of.unexplained_stops} word="unexplained" />
    </dl>
  );
}

function Figure({
  state,
  value,
  word,
  always = false,
}: {
  state?: ShownState;
  value: number;
  word: string;
  always?: boolean;
}) {
  const quiet = value === 0 && !always;
  const colour = quiet ? "text-ink-soft" : state ? stateColour(state) : "text-warning";
  return (
    <div className="flex items-baseline gap-[0.45em]">
      <dt className="order-2 text-[0.95em] text-ink-soft">{word}</dt>
      <dd className={`flex items-center gap-[0.3em] font-semibold text-[1.9em] leading-none tracking-tight ${colour}`}>
        <span className="text-[0.6em]">
          {state ? (
            <MachineStateShape state={state} />
          ) : (
            <span aria-hidden="true" className="inline-block w-[1em] text-center font-bold text-[1.2em]">
              ?
            </span>
          )}
        </span>
        {numberText(value)}
      </dd>
    </div>
  );
}
