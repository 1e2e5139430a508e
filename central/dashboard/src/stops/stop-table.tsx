import { Link } from "@tanstack/react-router";
import { useState } from "react";
import {
  durationText,
  Elapsed,
  ForeignName,
  ForeignText,
  MachineStateMark,
  momentText,
  serverNow,
  shownState,
} from "screens";
import type { Stop } from "../api/types.ts";
import { useMachines } from "../live/use-board.ts";
import { Button } from "../parts/button.tsx";
import { Badge } from "../parts/notices.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { useZones } from "../session/plants.tsx";
import { useMay, useSession } from "../session/session.ts";
import { ExplainStop } from "./explain-stop.tsx";
import { stopKey } from "./requests.ts";
import { lengthOf, sayer } from "./words.ts";

/** Stops, to be explained where they stand. */
export function StopTable({
  stops,
  withMachine = false,
  empty,
}: {
  stops: readonly Stop[];
  withMachine?: boolean;
  empty: React.ReactNode;
}) {
  const [opened, setOpened] = useState<Stop | null>(null);
  const may = useMay("stops:write");
  const zoneOf = useZones();
  // It may leave the list while somebody writes of it, explained by another: it stays open as it was.
  const stop = opened && (stops.find((one) => stopKey(one) === stopKey(opened)) ?? opened);
  const columns: Column<Stop>[] = [
    ...(withMachine ? [{ key: "machine", title: "Machine", cell: (row: Stop) => <MachineName stop={row} /> }] : []),
    {
      key: "began",
      title: "Began",
      cell: (row) => (
        <span className="whitespace-nowrap">
          <span className="text-ink-soft">{momentText(row.began_at, "day", zoneOf(row.plant))} </span>
          {momentText(row.began_at, "timeToSecond", zoneOf(row.plant))}
        </span>
      ),
    },
    {
      key: "lasted",
      title: "Lasted",
      number: true,
      cell: (row) => (
        <span className="whitespace-nowrap font-semibold">
          {row.ended_at == null ? <Elapsed since={row.began_at} /> : durationText(lengthOf(row, serverNow()))}
        </span>
      ),
    },
    {
      key: "state",
      title: "State",
      wideOnly: true,
      cell: (row) => (row.state ? <MachineStateMark state={shownState(row.state)} /> : null),
    },
    { key: "reason", title: "Reason", className: "w-full", card: "line", cell: (row) => <ReasonCell stop={row} /> },
    {
      key: "explain",
      title: <span className="sr-only">Explain</span>,
      cell: (row) => (
        <Button
          small
          look={row.unexplained && may ? "plain" : "quiet"}
          onClick={() => setOpened(row)}
          aria-label={`${row.unexplained && may ? "Explain" : "Details of"} the stop of ${row.machine} at ${momentText(row.began_at, "timeToSecond", zoneOf(row.plant))}`}
        >
          {row.unexplained && may ? "Explain" : "Details"}
        </Button>
      ),
    },
  ];
  return (
    <>
      <Table caption="Stops, newest first" columns={columns} rows={stops} rowKey={stopKey} empty={empty} />
      {stop && (
        <ExplainStop key={stopKey(stop)} stop={stop} time_zone={zoneOf(stop.plant)} onClose={() => setOpened(null)} />
      )}
    </>
  );
}

function MachineName({ stop }: { stop: Stop }) {
  const title = useMachines().get(stop.machine_id)?.title || stop.machine;
  const several = useSession().plants.length > 1;
  const link = (
    <Link
      to="/machines/$machine"
      params={{ machine: String(stop.machine_id) }}
      search={(before) => ({ plant: before.plant })}
      className="font-medium underline-offset-2 hover:underline lg:whitespace-nowrap"
    >
      <ForeignName max={40}>{title}</ForeignName>
    </Link>
  );
  if (!several) return link;
  return (
    <span className="flex flex-col">
      {link}
      <span className="text-ink-soft text-xs">
        <ForeignText max={40}>{stop.plant}</ForeignText>
      </span>
    </span>
  );
}

function ReasonCell({ stop }: { stop: Stop }) {
  const note = stop.notes.at(-1);
  return (
    <div className="flex flex-col gap-0.5">
      <span className="flex flex-wrap items-baseline gap-x-2">
        {stop.reason ? (
          <>
            <ForeignText max={80}>{stop.reason.title || stop.reason.code}</ForeignText>
            {stop.reason.planned && <Badge>planned</Badge>}
            <span className="text-ink-soft text-xs">
              <ForeignText max={40}>{sayer(stop.reason)}</ForeignText>
            </span>
          </>
        ) : stop.unexplained ? (
          <Badge kind="warning">
            <span aria-hidden="true">?</span> unexplained
          </Badge>
        ) : (
          <span className="text-ink-soft">microstop</span>
        )}
        {stop.ended_at == null && <Badge kind="alarm">goes on</Badge>}
      </span>
      {note && (
        <span className="text-ink-soft">
          “<ForeignText max={120}>{note.text}</ForeignText>”
        </span>
      )}
    </div>
  );
}
