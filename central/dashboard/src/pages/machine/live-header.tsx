import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Age, Elapsed, ForeignText, MachineStateMark, numberText, shownState, stateColour } from "screens";
import type { BoardMachine } from "../../api/types.ts";
import { useReportOldSince } from "../../live/use-board.ts";
import { JobProgress } from "../plant-now/job-progress.tsx";

/** How the machine stands at this moment. */
export function LiveHeader({ machine }: { machine: BoardMachine }) {
  const state = shownState(machine.state);
  const old = useReportOldSince(machine.reported_at ?? null);
  return (
    <dl
      className={`grid grid-cols-2 gap-px overflow-hidden rounded-card border bg-line md:grid-cols-4 ${
        state === "stopped" ? "border-alarm" : "border-line"
      } ${old ? "grayscale" : ""}`}
    >
      <Cell name="State">
        <span className="text-lg">
          <MachineStateMark state={state} />
        </span>
        {machine.state_since && (
          <span className={`block font-semibold ${stateColour(state)}`}>
            <Elapsed since={machine.state_since} />
          </span>
        )}
        <StopLine machine={machine} />
      </Cell>
      <Cell name="Today">
        <span className="font-semibold text-2xl leading-tight tracking-tight">{numberText(machine.good)}</span>{" "}
        <span className="text-ink-soft text-sm">good</span>
        <span className="block text-sm">
          {numberText(machine.scrap)} <span className="text-ink-soft">scrap</span>
          {machine.rework > 0 && (
            <>
              {" "}
              · {numberText(machine.rework)} <span className="text-ink-soft">rework</span>
            </>
          )}
        </span>
      </Cell>
      <Cell name="Job">
        {machine.job ? (
          <>
            <span className="line-clamp-2 font-medium">
              <ForeignText max={60}>
                {machine.job.product_title || machine.job.product || machine.job.work_order}
              </ForeignText>
            </span>
            <JobProgress job={machine.job} />
          </>
        ) : (
          <span className="text-ink-soft">none</span>
        )}
      </Cell>
      <Cell name="Who and how fresh">
        <span className="line-clamp-2">
          {machine.operators.length > 0 ? (
            <ForeignText max={80}>{machine.operators.join(", ")}</ForeignText>
          ) : (
            <span className="text-ink-soft">nobody logged on</span>
          )}
        </span>
        <span className="block text-ink-soft text-sm">
          {machine.reported_at ? (
            <>
              reported <Age of={machine.reported_at} />
            </>
          ) : (
            "no report yet"
          )}
          {machine.last_reading_at && (
            <>
              , last reading <Age of={machine.last_reading_at} />
            </>
          )}
        </span>
        <span className="block text-ink-soft text-sm">
          by <ForeignText max={40}>{machine.agent}</ForeignText>
        </span>
      </Cell>
    </dl>
  );
}

function Cell({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0 bg-surface px-4 py-3">
      <dt className="mb-0.5 text-ink-soft text-xs">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </div>
  );
}

function StopLine({ machine }: { machine: BoardMachine }) {
  if (machine.unexplained_stops === 0) {
    if (!machine.open_stop?.reason) return null;
    return (
      <span className="block truncate text-sm">
        <ForeignText max={60}>{machine.open_stop.reason_title || machine.open_stop.reason}</ForeignText>
      </span>
    );
  }
  return (
    <Link
      to="/stops"
      search={(before) => ({ plant: before.plant, machine: machine.id, range: "24h" as const })}
      className="mt-1 inline-block rounded-full bg-warning-fill px-2.5 font-semibold text-on-warning text-sm hover:underline"
    >
      ? {numberText(machine.unexplained_stops)} unexplained
    </Link>
  );
}
