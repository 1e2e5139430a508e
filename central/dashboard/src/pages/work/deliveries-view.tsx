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
import { useZones } from "../../session/plants.tsx";
import { useSession } from "../../session/session.ts";
import { deliveriesQuery } from "./queries.ts";
import { INCIDENT_KINDS } from "./words.ts";

type Delivery = Schema<"Delivery">;

const STATES = {
  waiting: { word: "waiting", kind: "plain" },
  sending: { word: "under way", kind: "attended" },
  sent: { word: "sent", kind: "done" },
  failed: { word: "failed", kind: "alarm" },
} as const;

const stateOf = ({ state, attempts }: Delivery) =>
  state === "waiting" && attempts.length > 0 ? ({ word: "is tried again", kind: "warning" } as const) : STATES[state];

const NOTICES = { opened: "began", resolved: "is over", test: "A test of the channel" } as const;

/** Who was told what, and what the other side answered. */
export function DeliveriesView() {
  const { plant, incident, delivery: only } = useSearch({ from: "/shell/work" });
  const navigate = useNavigate();
  const deliveries = useInfiniteQuery(deliveriesQuery({ plant, incident, delivery: only }));
  const [opened, setOpened] = useState<string | null>(only ?? null);
  const { plants } = useSession();
  const zoneOf = useZones();
  const showAll = () =>
    void navigate({
      to: ".",
      search: (before) => ({ ...before, incident: undefined, delivery: undefined }),
      replace: true,
    });
  return (
    <>
      {(incident !== undefined || only !== undefined) && (
        <div>
          <Button small onClick={showAll}>
            {incident !== undefined ? `Only incident ${incident}` : "Only one delivery"} <CloseIcon />
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
              only !== undefined
                ? "There is no such delivery any more."
                : incident !== undefined
                  ? "Nobody was told of this: its plant and line have no channel."
                  : "Nobody was told of anything yet. Who is told is set under Alerts."
            }
            below={(delivery) =>
              delivery.id === opened ? <Attempts delivery={delivery} time_zone={zoneOf(delivery.plant)} /> : null
            }
            columns={[
              {
                key: "at",
                title: "Made",
                wideOnly: true,
                cell: (delivery) => <Made delivery={delivery} time_zone={zoneOf(delivery.plant)} />,
              },
              {
                key: "of",
                title: "Of",
                className: "min-w-32",
                cell: (delivery) => (
                  <span className="flex flex-col">
                    <Of delivery={delivery} several={plants.length > 1} />
                    <span className="text-ink-soft text-xs md:hidden">
                      <Made delivery={delivery} time_zone={zoneOf(delivery.plant)} />
                    </span>
                  </span>
                ),
              },
              {
                key: "to",
                title: "To",
                className: "w-full",
                cell: (delivery) => (
                  <span className="flex flex-col">
                    <ForeignText max={80}>{delivery.address}</ForeignText>
                    <span className="text-ink-soft text-xs">{delivery.channel === "email" ? "mail" : "webhook"}</span>
                  </span>
                ),
              },
              {
                key: "state",
                title: "State",
                cell: (delivery) => {
                  const { word, kind } = stateOf(delivery);
                  const isOpen = delivery.id === opened;
                  return (
                    <span className="flex flex-col items-start gap-1 md:flex-row md:items-center md:justify-between">
                      <Badge kind={kind}>{word}</Badge>
                      {delivery.attempts.length > 0 && (
                        <Button
                          small
                          look="quiet"
                          aria-expanded={isOpen}
                          aria-label={`Attempts to reach ${delivery.address}`}
                          onClick={() => setOpened(isOpen ? null : delivery.id)}
                        >
                          {isOpen ? "Close" : `${delivery.attempts.length} tries`.replace(/^1 tries/, "1 try")}
                        </Button>
                      )}
                    </span>
                  );
                },
              },
            ]}
          />
        )}
      </Listed>
    </>
  );
}

function Made({ delivery, time_zone }: { delivery: Delivery; time_zone: string | undefined }) {
  return <span className="whitespace-nowrap">{momentText(delivery.created_at, "dayAndTime", time_zone)}</span>;
}

/** What was told: of which incident, and whether it began or is over. */
function Of({ delivery, several }: { delivery: Delivery; several: boolean }) {
  const { incident_kind: kind, incident_title: title } = delivery;
  return (
    <span className="flex flex-col">
      {kind ? (
        <span>
          {INCIDENT_KINDS[kind].word} {NOTICES[delivery.notice]}
        </span>
      ) : (
        <span>{NOTICES[delivery.notice]}</span>
      )}
      <span className="text-ink-soft text-xs">
        {title && <ForeignText max={40}>{title}</ForeignText>}
        {title && several && " · "}
        {several && <ForeignText max={40}>{delivery.plant}</ForeignText>}
      </span>
    </span>
  );
}

function Attempts({ delivery, time_zone }: { delivery: Delivery; time_zone: string | undefined }) {
  return (
    <ul className="flex flex-col gap-2 text-sm">
      {delivery.attempts.map((attempt) => (
        <li key={attempt.at} className="grid gap-x-4 sm:grid-cols-[12rem_6rem_1fr]">
          <span>{momentText(attempt.at, "full", time_zone)}</span>
          <span className="text-ink-soft">
            {attempt.lasted_ms < 1_000 ? `${attempt.lasted_ms} ms` : durationText(attempt.lasted_ms)}
          </span>
          <span className="flex flex-col">
            <span>
              {attempt.error == null && attempt.status != null && (
                <strong className="font-semibold">{attempt.status} </strong>
              )}
              <ForeignText max={300}>{attempt.error ?? "taken"}</ForeignText>
            </span>
            {attempt.answer && (
              <span className="text-ink-soft">
                It answered: <ForeignText max={120}>{attempt.answer}</ForeignText>
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
