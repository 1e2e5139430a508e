import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { numberText } from "screens";
import { Choice } from "../../parts/field.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Page } from "../../parts/page.tsx";
import { AlertsView } from "./alerts/alerts-view.tsx";
import { DeadLettersView } from "./dead-letters-view.tsx";
import { DeliveriesView } from "./deliveries-view.tsx";
import { IncidentsView } from "./incidents-view.tsx";
import { deadLettersQuery } from "./queries.ts";
import { QueuesView } from "./queues-view.tsx";
import { WORK_VIEW_WORDS, WORK_VIEWS } from "./views.ts";

/** What follows from events: what is wrong, who was told, and what is stuck. */
export function WorkPage() {
  const { plant, show = "incidents" } = useSearch({ from: "/shell/work" });
  const navigate = useNavigate();
  // Of the plants that one may see: the depth of the queue is of all.
  const letters = useInfiniteQuery(deadLettersQuery(plant));
  const dead = letters.data?.pages.flatMap((page) => page.dead_letters).length ?? 0;
  const more = letters.hasNextPage ? "+" : "";
  return (
    <Page title={WORK_VIEW_WORDS[show]}>
      <div>
        <Choice
          label="What is shown"
          value={show}
          options={WORK_VIEWS.map((value) => ({
            value,
            label:
              value === "dead-letters" && dead > 0 ? (
                <span className="inline-flex items-center gap-1.5">
                  {WORK_VIEW_WORDS[value]} <Badge kind="warning">{`${numberText(dead)}${more}`}</Badge>
                </span>
              ) : (
                WORK_VIEW_WORDS[value]
              ),
          }))}
          onChange={(value) =>
            void navigate({ to: ".", search: (before) => ({ plant: before.plant, show: value }), replace: true })
          }
        />
      </div>
      {show === "incidents" && <IncidentsView />}
      {show === "queues" && <QueuesView />}
      {show === "dead-letters" && <DeadLettersView />}
      {show === "deliveries" && <DeliveriesView />}
      {show === "alerts" && <AlertsView />}
    </Page>
  );
}
