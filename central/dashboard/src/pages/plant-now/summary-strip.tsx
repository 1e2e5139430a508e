import { Link } from "@tanstack/react-router";
import { MachineStateShape, numberText, type ShownState, stateColour } from "screens";
import type { Summary } from "./overview.ts";

/** The plant in four numbers. Those that are zero step back. `links`: unexplained stops lead to their list. */
export function SummaryStrip({ of, links = false }: { of: Summary; links?: boolean }) {
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:flex sm:flex-wrap sm:items-baseline sm:gap-x-10">
      <Figure state="running" value={of.running} word={`of ${numberText(of.machines)} running`} always />
      <Figure state="stopped" value={of.stopped} word="stopped" />
      <Figure state="no_data" value={of.unknown} word="without data" />
      <Figure value={of.unexplained_stops} word="unexplained in 24 h" links={links} />
    </dl>
  );
}

function Figure({
  state,
  value,
  word,
  always = false,
  links = false,
}: {
  state?: ShownState;
  value: number;
  word: string;
  always?: boolean;
  links?: boolean;
}) {
  const quiet = value === 0 && !always;
  const colour = quiet ? "text-ink-soft" : state ? stateColour(state) : "text-warning";
  return (
    <div className="relative flex min-w-0 items-baseline gap-[0.45em] max-sm:flex-wrap">
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
        {links && !quiet ? (
          <Link
            to="/stops"
            search={(before) => ({ plant: before.plant, range: "24h" as const })}
            className="underline-offset-4 after:absolute after:inset-0 hover:underline"
          >
            {numberText(value)}
            <span className="sr-only"> unexplained stops</span>
          </Link>
        ) : (
          numberText(value)
        )}
      </dd>
    </div>
  );
}
