import { useQuery } from "@tanstack/react-query";
import { durationText, Elapsed, ForeignText, momentText, numberText } from "screens";
import { Kept, NotRefreshed } from "../../parts/listing.tsx";
import { ErrorNotice, Loading } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import type { ViewProps } from "./machine-page.tsx";
import { jobsQuery } from "./queries.ts";

export function JobsView({ id, range, time_zone }: ViewProps) {
  const jobs = useQuery(jobsQuery(id, range));
  if (jobs.isPending) return <Loading />;
  if (jobs.isLoadingError) return <ErrorNotice error={jobs.error} onRetry={() => void jobs.refetch()} />;
  return (
    <Kept query={jobs}>
      <NotRefreshed query={jobs} />
      <Table
        caption="Jobs, newest first"
        rows={jobs.data.jobs}
        rowKey={(job) => job.began_at}
        empty="No job was started at this machine in this time. Jobs are started at the station."
        columns={[
          { key: "order", title: "Work order", cell: (job) => <ForeignText max={40}>{job.work_order}</ForeignText> },
          {
            key: "product",
            title: "Product",
            wideOnly: true,
            cell: (job) => <ForeignText max={60}>{job.product_title || job.product || ""}</ForeignText>,
          },
          { key: "began", title: "Began", cell: (job) => momentText(job.began_at, "dayAndTime", time_zone) },
          {
            key: "for",
            title: "For",
            number: true,
            cell: (job) =>
              job.ended_at ? (
                durationText(Date.parse(job.ended_at) - Date.parse(job.began_at))
              ) : (
                <Elapsed since={job.began_at} />
              ),
          },
          { key: "good", title: "Good", number: true, cell: (job) => (job.pieces ? numberText(job.pieces.good) : "–") },
          {
            key: "scrap",
            title: "Scrap",
            number: true,
            cell: (job) => (job.pieces ? numberText(job.pieces.scrap) : "–"),
          },
          {
            key: "quantity",
            title: "Ordered",
            number: true,
            wideOnly: true,
            cell: (job) => (job.quantity != null ? numberText(job.quantity) : "–"),
          },
          { key: "ended", title: "Ended by", wideOnly: true, cell: (job) => job.ended_by ?? "goes on" },
        ]}
      />
    </Kept>
  );
}
