import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { durationText, Elapsed, ForeignName, ForeignText, momentText, numberText } from "screens";
import type { Schema } from "../../api/types.ts";
import { buttonClass } from "../../parts/button.tsx";
import { Choice } from "../../parts/field.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Table } from "../../parts/table.tsx";
import { useZones } from "../../session/plants.tsx";
import { incidentsQuery } from "./queries.ts";
import { INCIDENT_KINDS } from "./words.ts";

type Incident = Schema<"Incident">;

const STATES = [
  { value: "open", label: "Open" },
  { value: "resolved", label: "Resolved" },
] as const;

/** What somebody should look at, and what was over by itself. */
export function IncidentsView() {
  const { plant, state = "open" } = useSearch({ from: "/shell/work" });
  const navigate = useNavigate();
  const incidents = useInfiniteQuery(incidentsQuery(plant, state));
  const zoneOf = useZones();
  return (
    <>
      <div>
        <Choice
          label="Which incidents"
          value={state}
          options={STATES}
          onChange={(value) =>
            void navigate({
              to: ".",
              search: (before) => ({ ...before, state: value === "open" ? undefined : value }),
              replace: true,
            })
          }
        />
      </div>
      <Listed query={incidents} rowsOf={(page) => page.incidents}>
        {(rows) => (
          <Table
            caption={`Incidents that are ${state}, newest first`}
            rows={rows}
            rowKey={(incident) => incident.id}
            empty={
              state === "open" ? (
                <>
                  <p className="font-semibold text-ink">Nothing is wrong that somebody is told of.</p>
                  <p className="mt-1">What counts as an incident is set under Alerts.</p>
                </>
              ) : (
                "No incident was resolved yet."
              )
            }
            columns={[
              {
                key: "kind",
                title: "Incident",
                cell: (incident) => (
                  <Badge kind={incident.resolved_at == null ? "alarm" : "plain"}>
                    {INCIDENT_KINDS[incident.kind].word}
                  </Badge>
                ),
              },
              { key: "where", title: "Where", className: "w-full", cell: (incident) => <Where incident={incident} /> },
              {
                key: "began",
                title: "Began",
                wideOnly: true,
                cell: (incident) => (
                  <span className="whitespace-nowrap">
                    {momentText(incident.began_at, "dayAndTime", zoneOf(incident.plant))}
                  </span>
                ),
              },
              {
                key: "lasts",
                title: "Lasts",
                number: true,
                cell: (incident) => (
                  <span className="whitespace-nowrap font-semibold">
                    {incident.resolved_at == null ? (
                      <Elapsed since={incident.began_at} />
                    ) : (
                      durationText(Date.parse(incident.resolved_at) - Date.parse(incident.began_at))
                    )}
                  </span>
                ),
              },
              {
                key: "told",
                title: <span className="sr-only">Who was told</span>,
                wideOnly: true,
                cell: (incident) => (
                  <WhoWasTold incident={incident} className={buttonClass({ look: "quiet", small: true })} />
                ),
              },
            ]}
          />
        )}
      </Listed>
    </>
  );
}

function WhoWasTold({ incident, className }: { incident: Incident; className: string }) {
  return (
    <Link
      to="/work"
      search={(before) => ({ plant: before.plant, show: "deliveries" as const, incident: incident.id })}
      className={className}
      aria-label={`Who was told of: ${INCIDENT_KINDS[incident.kind].word}, ${incident.title}`}
    >
      Who was told
    </Link>
  );
}

function Where({ incident }: { incident: Incident }) {
  const name = <ForeignName max={60}>{incident.title || incident.machine || incident.agent}</ForeignName>;
  return (
    <span className="flex flex-col">
      {incident.machine_id != null ? (
        <Link
          to="/machines/$machine"
          params={{ machine: String(incident.machine_id) }}
          search={(before) => ({ plant: before.plant })}
          className="font-medium underline-offset-2 hover:underline"
        >
          {name}
        </Link>
      ) : (
        <Link
          to="/agents/$agent"
          params={{ agent: incident.agent_uuid }}
          search={(before) => ({ plant: before.plant })}
          className="font-medium underline-offset-2 hover:underline"
        >
          {name}
        </Link>
      )}
      <span className="text-ink-soft text-xs">
        <ForeignText max={40}>{incident.plant}</ForeignText>
        {incident.line && (
          <>
            {" "}
            · <ForeignText max={40}>{incident.line}</ForeignText>
          </>
        )}
        {incident.occurrences > 1 && ` · ${numberText(incident.occurrences)} times`}
      </span>
      {incident.detail && (
        <span className="text-ink-soft">
          <ForeignText max={160}>{incident.detail}</ForeignText>
        </span>
      )}
      <WhoWasTold incident={incident} className="self-start text-accent underline underline-offset-2 md:hidden" />
    </span>
  );
}
