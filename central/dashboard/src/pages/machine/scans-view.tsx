import { useInfiniteQuery } from "@tanstack/react-query";
import { ForeignText, momentText } from "screens";
import { NotRefreshed } from "../../parts/listing.tsx";
import { More } from "../../parts/more.tsx";
import { Badge, ErrorNotice, Loading } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import type { ViewProps } from "./machine-page.tsx";
import { scansQuery } from "./queries.ts";

export function ScansView({ id, range, time_zone }: ViewProps) {
  const scans = useInfiniteQuery(scansQuery(id, range));
  if (scans.isPending) return <Loading />;
  if (scans.isLoadingError) return <ErrorNotice error={scans.error} onRetry={() => void scans.refetch()} />;
  return (
    <div className="flex flex-col gap-3">
      <NotRefreshed query={scans} />
      <Table
        caption="Scans, newest first"
        rows={scans.data.pages.flatMap((page) => page.scans)}
        rowKey={(scan) => `${scan.at} ${scan.source} ${scan.raw}`}
        empty="No code was scanned at this machine in this time."
        columns={[
          {
            key: "at",
            title: "At",
            cell: (scan) => <span className="whitespace-nowrap">{momentText(scan.at, "full", time_zone)}</span>,
          },
          {
            key: "text",
            title: "Code",
            className: "w-full",
            cell: (scan) => (
              <div className="flex flex-col gap-1">
                <code className="font-mono">
                  <ForeignText max={80}>{scan.text}</ForeignText>
                </code>
                {scan.problem && (
                  <span>
                    <Badge kind="warning">problem</Badge> <ForeignText max={200}>{scan.problem}</ForeignText>
                  </span>
                )}
                {scan.elements.length > 0 && (
                  <span className="flex flex-wrap gap-1.5 text-xs">
                    {scan.elements.map((element) => (
                      <span key={element.ai} className="rounded border border-line bg-canvas px-1.5 py-0.5">
                        <span className="text-ink-soft">({element.ai}) </span>
                        <ForeignText max={60}>{element.value}</ForeignText>
                      </span>
                    ))}
                  </span>
                )}
              </div>
            ),
          },
          {
            key: "symbology",
            title: "Symbology",
            wideOnly: true,
            cell: (scan) => <ForeignText>{scan.symbology ?? ""}</ForeignText>,
          },
          {
            key: "source",
            title: "Scanner",
            wideOnly: true,
            cell: (scan) => <ForeignText max={40}>{scan.source}</ForeignText>,
          },
        ]}
      />
      <More query={scans} />
    </div>
  );
}
