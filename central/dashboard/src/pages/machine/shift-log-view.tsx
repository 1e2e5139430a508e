import { useInfiniteQuery } from "@tanstack/react-query";
import { ForeignText, momentText } from "screens";
import type { ShiftLogEntry } from "../../api/types.ts";
import { NotRefreshed } from "../../parts/listing.tsx";
import { More } from "../../parts/more.tsx";
import { ErrorNotice, Loading } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import type { ViewProps } from "./machine-page.tsx";
import { shiftLogQuery } from "./queries.ts";

const WORDS: Record<string, string> = { operator_on: "Logged on", operator_off: "Logged off", note: "Note" };

export function ShiftLogView({ id, range, time_zone }: ViewProps) {
  const log = useInfiniteQuery(shiftLogQuery(id, range));
  if (log.isPending) return <Loading />;
  if (log.isLoadingError) return <ErrorNotice error={log.error} onRetry={() => void log.refetch()} />;
  return (
    <div className="flex flex-col gap-3">
      <NotRefreshed query={log} />
      <Table
        caption="Shift log, newest first"
        rows={log.data.pages.flatMap((page) => page.entries)}
        rowKey={(entry) => `${entry.at} ${entry.agent} ${entry.entry} ${entry.operator ?? ""} ${entry.note ?? ""}`}
        empty="Nobody logged on or left a note in this time."
        columns={[
          {
            key: "at",
            title: "At",
            cell: (entry) => <span className="whitespace-nowrap">{momentText(entry.at, "full", time_zone)}</span>,
          },
          { key: "who", title: "Who", cell: (entry) => <ForeignText max={60}>{who(entry)}</ForeignText> },
          {
            key: "what",
            title: "What",
            className: "w-full",
            cell: (entry) =>
              entry.note ? <ForeignText max={300}>{entry.note}</ForeignText> : (WORDS[entry.entry] ?? entry.entry),
          },
          {
            key: "where",
            title: "Where",
            wideOnly: true,
            cell: (entry) => <ForeignText max={40}>{entry.machine ?? entry.station ?? entry.agent}</ForeignText>,
          },
        ]}
      />
      <More query={log} />
    </div>
  );
}

const who = (entry: ShiftLogEntry): string => entry.operator_name ?? entry.operator ?? "";
