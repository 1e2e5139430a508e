import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Age, numberText, useAsTimePasses } from "screens";
import type { Schema } from "../../api/types.ts";
import { Answered } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { queuesQuery } from "./queries.ts";
import { OLD_AFTER_MS, queueMeaning } from "./words.ts";

type Queue = Schema<"QueueDepth">;

/** How much waits, and for how long. */
export function QueuesView() {
  const queues = useQuery(queuesQuery);
  return (
    <Answered query={queues}>
      {(data) => (
        <Table
          caption="Queues"
          rows={data.queues}
          rowKey={(queue) => queue.name}
          empty="There is no queue: no worker has run against this database yet."
          columns={[
            {
              key: "name",
              title: "Queue",
              className: "w-full",
              cell: (queue) => (
                <span className="flex flex-col">
                  {queue.name === "dlq" ? (
                    <Link
                      to="/work"
                      search={(before) => ({ plant: before.plant, show: "dead-letters" as const })}
                      className="font-medium underline-offset-2 hover:underline"
                    >
                      {queue.name}
                    </Link>
                  ) : (
                    <span className="font-medium">{queue.name}</span>
                  )}
                  <span className="text-ink-soft text-xs">{queueMeaning(queue.name)}</span>
                </span>
              ),
            },
            {
              key: "depth",
              title: "Waiting",
              number: true,
              cell: (queue) => <strong className="font-semibold text-base">{numberText(queue.messages)}</strong>,
            },
            { key: "oldest", title: "Oldest", cell: (queue) => <Oldest queue={queue} /> },
            {
              key: "flight",
              title: "At a worker",
              number: true,
              wideOnly: true,
              cell: (queue) => (queue.name === "dlq" ? "–" : numberText(queue.in_flight)),
            },
            {
              key: "retrying",
              title: "Retrying",
              number: true,
              wideOnly: true,
              cell: (queue) => (queue.name === "dlq" ? "–" : numberText(queue.retrying)),
            },
            {
              key: "finished",
              title: "Finished, 5 min",
              number: true,
              wideOnly: true,
              cell: (queue) => (queue.finished_5_min != null ? numberText(queue.finished_5_min) : "–"),
            },
          ]}
        />
      )}
    </Answered>
  );
}

function Oldest({ queue }: { queue: Queue }) {
  const { oldest_at } = queue;
  const old = useAsTimePasses((now) => oldest_at != null && now - Date.parse(oldest_at) > OLD_AFTER_MS);
  if (oldest_at == null) return "–";
  return (
    <span className="flex items-center gap-2 whitespace-nowrap">
      <Age of={oldest_at} />
      {old && queue.name !== "dlq" && <Badge kind="warning">waits long</Badge>}
    </span>
  );
}
