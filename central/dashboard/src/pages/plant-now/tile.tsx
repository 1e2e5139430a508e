import { Link } from "@tanstack/react-router";
import { memo } from "react";
import {
  Age,
  Elapsed,
  ForeignName,
  isAbnormal,
  MachineStateMark,
  numberText,
  type ShownState,
  shownState,
  stateColour,
} from "screens";
import type { BoardMachine } from "../../api/types.ts";
import { useMachine, useReportOldSince } from "../../live/use-board.ts";
import { JobProgress } from "./job-progress.tsx";

/** One machine, to be read from afar: sizes follow the tile's own font size, which the kiosk sets. */
export const MachineTile = memo(function MachineTile({
  id,
  links = true,
  line = false,
  plant = false,
}: {
  id: number;
  links?: boolean;
  /** Whether the tile names its line: where no heading does. */
  line?: boolean;
  /** Whether it names its plant with it: where several are shown. */
  plant?: boolean;
}) {
  const machine = useMachine(id);
  if (!machine) return null;
  const place = [plant && machine.plant, line && machine.line_title].filter(Boolean).join(" · ");
  return <Tile machine={machine} links={links} place={place} />;
});

const FRAMES: Partial<Record<ShownState, string>> = {
  stopped: "border-alarm bg-alarm-soft",
  no_data: "border-unknown border-dashed bg-unknown-soft",
  never: "border-edge border-dashed bg-surface",
};

function Tile({ machine, links, place }: { machine: BoardMachine; links: boolean; place: string }) {
  const state = shownState(machine.state);
  const old = useReportOldSince(machine.reported_at ?? null);
  const title = machine.title || machine.name;
  return (
    <article
      className={`relative flex min-w-0 flex-col overflow-hidden rounded-card border text-[1em] ${
        FRAMES[state] ?? "border-line bg-surface"
      } ${old ? "grayscale" : ""} ${links ? "hover:border-edge has-[a:focus-visible]:outline-2 has-[a:focus-visible]:outline-accent has-[a:focus-visible]:outline-offset-2" : ""}`}
    >
      <StateStrip state={state} since={machine.state_since ?? null} />
      <div className="flex min-h-0 flex-1 flex-col px-[0.9em] pt-[0.55em] pb-[0.7em]">
        <h3 className="shrink-0 truncate font-semibold text-[1.15em] leading-tight" title={title}>
          {links ? (
            <Link
              to="/machines/$machine"
              params={{ machine: String(machine.id) }}
              search={(before) => ({ plant: before.plant })}
              className="outline-none after:absolute after:inset-0"
            >
              <ForeignName max={60}>{title}</ForeignName>
            </Link>
          ) : (
            <ForeignName max={60}>{title}</ForeignName>
          )}
        </h3>
        <p className="shrink-0 truncate text-[0.85em] text-ink-soft leading-snug">
          <WhatGoesOn machine={machine} />
        </p>
        <div className="my-auto">
          <Counts machine={machine} />
          <div className="min-h-[2.1em]">{machine.job && <JobProgress job={machine.job} />}</div>
        </div>
        <footer className="flex items-center justify-between gap-2 pt-[0.5em] text-[0.8em] text-ink-soft">
          <Unexplained machine={machine} links={links} />
          {place && (
            <span className="mr-auto min-w-0 truncate">
              <ForeignName max={80}>{place}</ForeignName>
            </span>
          )}
          <DataAge reported_at={machine.reported_at ?? null} old={old !== null} />
        </footer>
      </div>
    </article>
  );
}

function StateStrip({ state, since }: { state: ShownState; since: string | null }) {
  const filled = state === "stopped";
  return (
    <p
      className={`flex items-center justify-between gap-2 px-[0.9em] py-[0.4em] ${
        filled ? "bg-alarm-fill text-on-alarm" : isAbnormal(state) ? "" : "border-line border-b"
      }`}
    >
      <span className="text-[0.95em]">
        <MachineStateMark state={state} plain={filled} />
      </span>
      {since && (
        <span className={`whitespace-nowrap font-semibold text-[0.95em] ${filled ? "" : stateColour(state)}`}>
          <Elapsed since={since} />
        </span>
      )}
    </p>
  );
}

/** Why it stands, or what it makes, or who is there. */
function WhatGoesOn({ machine }: { machine: BoardMachine }) {
  const parts: string[] = [];
  if (machine.open_stop)
    parts.push(machine.open_stop.reason_title || machine.open_stop.reason || "No reason given yet");
  else if (machine.job) parts.push(machine.job.product_title || machine.job.product || machine.job.work_order);
  if (machine.operators.length > 0) parts.push(machine.operators.join(", "));
  if (parts.length === 0) return <>&nbsp;</>;
  return <ForeignName max={90}>{parts.join(" · ")}</ForeignName>;
}

function Counts({ machine }: { machine: BoardMachine }) {
  return (
    <p className="mt-[0.35em] flex items-baseline gap-[0.5em] whitespace-nowrap">
      <span className="font-semibold text-[2em] leading-none tracking-tight">{numberText(machine.good)}</span>
      <span className="text-[0.85em] text-ink-soft">good today</span>
      {machine.scrap > 0 && (
        <span className="ml-auto text-[0.85em] text-ink-soft">
          <span className="font-semibold text-ink">{numberText(machine.scrap)}</span> scrap
        </span>
      )}
    </p>
  );
}

function Unexplained({ machine, links }: { machine: BoardMachine; links: boolean }) {
  const count = machine.unexplained_stops;
  if (count === 0) return null;
  const badge = (
    <>
      <span aria-hidden="true" className="font-bold">
        ?
      </span>
      {count} unexplained
    </>
  );
  const look =
    "inline-flex items-center gap-[0.35em] whitespace-nowrap rounded-full bg-warning-fill px-[0.7em] py-[0.1em] font-semibold text-on-warning";
  if (!links) return <span className={look}>{badge}</span>;
  return (
    <Link
      to="/stops"
      search={(before) => ({ plant: before.plant, machine: machine.id, range: "24h" as const })}
      className={`relative z-1 ${look} hover:underline`}
    >
      {badge}
      <span className="sr-only"> stops of {machine.title || machine.name}</span>
    </Link>
  );
}

function DataAge({ reported_at, old }: { reported_at: string | null; old: boolean }) {
  if (reported_at === null) return <span className="ml-auto">no report yet</span>;
  return (
    <span className={`ml-auto whitespace-nowrap ${old ? "font-semibold text-ink" : ""}`}>
      {old ? "last report " : <span className="sr-only">data of </span>}
      <Age of={reported_at} />
    </span>
  );
}
