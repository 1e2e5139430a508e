import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { durationText, ForeignText, momentText } from "screens";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { CloseIcon } from "../../parts/icons.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { deliveriesQuery } from "./queries.ts";

type Delivery = Schema<"Delivery">;

const STATES = {
  waiting: { word: "waiting", kind: "plain" },
  sending: { word: "under way", kind: "attended" },
  sent: { word: "sent", kind: "done" },
  failed: { word: "failed", kind: "alarm" },
} as const;

const NOTICES = { opened: "began", resolved: "is over", test: "test" } as const;

/** Who was told what, and what the other side answered. */
export function DeliveriesView() {
  const { incident } = useSearch({ from: "/shell/work" });
  const navigate = useNavigate();
  const deliveries = useInfiniteQuery(deliveriesQuery(incident));
  const [opened, setOpened] = useState<string | null>(null);
  return (
    <>
      {incident !== undefined && (
        <div>
          <Button
            small
            onClick={() =>
              void navigate({ to: ".", search: (before) => ({ ...before, incident: undefined }), replace: true })
            }
          >
            Only incident {incident} <CloseIcon />
            <span className="sr-only">Show all deliveries</span>
          </Button>
        </div>
      )}
      <Listed query={deliveries} rowsOf={(page) => page.deliveries}>
        {(rows) => (
          <Table
            caption="Deliveries, newest first"
            rows={rows}
            rowKey={(delivery) => delivery.id}
            empty={
              incident === undefined
                ? "Nobody was told of anything yet. Who is told is set under Alerts."
                : "Nobody was told of this: its plant and line have no channel."
            }
            below={(delivery) => (delivery.id === opened ? <Attempts delivery={delivery} /> : null)}
            columns={[
              {
                key: "at",
                title: "Made",
                cell: (delivery) => (
                  <span className="whitespace-nowrap">{momentText(delivery.created_at, "dayAndTime")}</span>
                ),
              },
              {
                key: "to",
                title: "To",
                className: "w-full",
                cell: (delivery) => (
                  <span className="flex flex-col">
                    <ForeignText max={80}>{delivery.address}</ForeignText>
                    <span className="text-ink-soft text-xs">
                      {delivery.channel === "email" ? "mail" : "webhook"}, {NOTICES[delivery.notice]}
                    </span>
                  </span>
                ),
              },
              {
                key: "state",
                title: "State",
                cell: (delivery) => <Badge kind={STATES[delivery.state].kind}>{STATES[delivery.state].word}</Badge>,
              },
              {
                key: "attempts",
                title: <span className="sr-only">Attempts</span>,
                cell: (delivery) =>
                  delivery.attempts.length > 0 && (
                    <Button
                      small
                      look="quiet"
                      aria-expanded={delivery.id === opened}
                      aria-label={`Attempts to reach ${delivery.address}`}
                      onClick={() => setOpened(delivery.id === opened ? null : delivery.id)}
                    >
                      {delivery.id === opened
                        ? "Close"
                        : `${delivery.attempts.length} tries`.replace(/^1 tries/, "1 try")}
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </Listed>
    </>
  );
}

function Attempts({ delivery }: { delivery: Delivery }) {
  return (
    <ul className="flex flex-col gap-2 text-sm">
      {delivery.attempts.map((attempt) => (
        <li key={attempt.at} className="grid gap-x-4 sm:grid-cols-[12rem_6rem_1fr]">
          <span>{momentText(attempt.at, "full")}</span>
          <span className="text-ink-soft">
            {attempt.lasted_ms < 1_000 ? `${attempt.lasted_ms} ms` : durationText(attempt.lasted_ms)}
          </span>
          <span>
            {attempt.status != null && <strong className="font-semibold">{attempt.status} </strong>}
            <ForeignText max={300}>{attempt.error ?? attempt.answer ?? ""}</ForeignText>
          </span>
        </li>
      ))}
    </ul>
  );
}
