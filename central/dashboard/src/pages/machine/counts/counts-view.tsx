import { useQuery } from "@tanstack/react-query";
import { durationText, momentText, numberText } from "screens";
import type { Bucket } from "../../../api/types.ts";
import { Kept, NotRefreshed } from "../../../parts/listing.tsx";
import { Empty, ErrorNotice, Loading } from "../../../parts/notices.tsx";
import { Table } from "../../../parts/table.tsx";
import type { ViewProps } from "../machine-page.tsx";
import { grainOf, productionQuery } from "../queries.ts";
import { CountsChart } from "./chart.tsx";

const GRAIN_WORDS = { "15min": "quarter of an hour", hour: "hour", day: "day" };

/** What it made, bar by bar, and what it could have made in the time it ran. */
export function CountsView({ id, range, time_zone }: ViewProps) {
  const production = useQuery(productionQuery(id, range));
  if (production.isPending) return <Loading rows={1} height="h-72" />;
  if (production.isLoadingError)
    return <ErrorNotice error={production.error} onRetry={() => void production.refetch()} />;
  const { buckets } = production.data;
  const grain = grainOf(range);
  const label = (bucket: Bucket) => momentText(bucket.from, grain === "day" ? "day" : "time", time_zone);
  if (buckets.length === 0) return <Empty>There is no time in this range.</Empty>;
  return (
    <Kept query={production}>
      <NotRefreshed query={production} />
      <Sums buckets={buckets} />
      <CountsChart buckets={buckets} labelOf={label} per={GRAIN_WORDS[grain]} />
      <details>
        <summary className="w-fit rounded-sm text-accent text-sm underline-offset-2 hover:underline">
          Counts as a table
        </summary>
        <div className="mt-2">
          <Table
            caption={`Pieces per ${GRAIN_WORDS[grain]}`}
            rows={buckets.toReversed()}
            rowKey={(bucket) => bucket.from}
            empty=""
            columns={[
              { key: "from", title: "From", cell: (bucket) => momentText(bucket.from, "dayAndTime", time_zone) },
              { key: "good", title: "Good", number: true, cell: (bucket) => numberText(bucket.pieces.good) },
              { key: "scrap", title: "Scrap", number: true, cell: (bucket) => numberText(bucket.pieces.scrap) },
              { key: "rework", title: "Rework", number: true, cell: (bucket) => numberText(bucket.pieces.rework) },
              {
                key: "target",
                title: "Possible",
                number: true,
                cell: (bucket) => (bucket.target != null ? numberText(bucket.target) : "–"),
              },
              {
                key: "running",
                title: "Ran",
                number: true,
                cell: (bucket) => (bucket.running_us != null ? durationText(bucket.running_us / 1000) : "–"),
              },
            ]}
          />
        </div>
      </details>
    </Kept>
  );
}

function Sums({ buckets }: { buckets: readonly Bucket[] }) {
  const sum = (of: (bucket: Bucket) => number) =>
    numberText(buckets.reduce((before, bucket) => before + of(bucket), 0));
  return (
    <p className="flex flex-wrap gap-x-6 text-sm">
      <span>
        <strong className="font-semibold text-lg">{sum((bucket) => bucket.pieces.good)}</strong> good
      </span>
      <span>
        <strong className="font-semibold text-lg">{sum((bucket) => bucket.pieces.scrap)}</strong> scrap
      </span>
      <span>
        <strong className="font-semibold text-lg">{sum((bucket) => bucket.pieces.rework)}</strong> rework
      </span>
    </p>
  );
}
