import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ForeignText, momentText } from "screens";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Section } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { useMay } from "../../session/session.ts";
import { heldQuery } from "./queries.ts";
import {
  type Agent,
  agentMoment,
  eventsText,
  type HeldGroup,
  heldGroups,
  heldText,
  heldUntil,
  releasedText,
} from "./words.ts";

type Held = Schema<"QuarantinedEvent">;

/** Events that are committed and are no facts yet: a person releases them when their reason is gone. */
export function SetAside({ agent, time_zone }: { agent: Agent; time_zone: string | undefined }) {
  const may = useMay("agents:write");
  const some = agent.quarantined_events > 0;
  const held = useInfiniteQuery(heldQuery(agent.uuid, some));
  const [asked, setAsked] = useState<HeldGroup | null>(null);
  const [outcome, setOutcome] = useState<Schema<"Released"> | null>(null);
  if (!some && !outcome) return null;
  return (
    <Section title="Set aside">
      {some && (
        <p className="text-ink-soft text-sm">
          {eventsText(agent.quarantined_events)} {agent.quarantined_events === 1 ? "is" : "are"} safe and{" "}
          {agent.quarantined_events === 1 ? "counts" : "count"} nowhere yet.
          {!may && " An administrator can release them."}
        </p>
      )}
      {outcome && (
        <p role="status" className="rounded-card border border-line bg-surface px-4 py-2 text-sm">
          {releasedText(outcome)}
        </p>
      )}
      {some && (
        <Listed query={held} rowsOf={(page) => page.quarantined_events}>
          {(rows) => (
            <>
              <Groups groups={heldGroups(rows)} onRelease={may ? setAsked : null} />
              <Events rows={rows} time_zone={time_zone} />
            </>
          )}
        </Listed>
      )}
      {asked && <Release group={asked} onDone={setOutcome} onClose={() => setAsked(null)} />}
    </Section>
  );
}

/** Why they are held, what has to happen, and the release of all of a kind. */
function Groups({ groups, onRelease }: { groups: HeldGroup[]; onRelease: ((group: HeldGroup) => void) | null }) {
  return (
    <ul className="grid gap-3 lg:grid-cols-2">
      {groups.map((group) => (
        <li
          key={`${group.reason} ${group.origin_kind} ${group.origin}`}
          className="flex items-start justify-between gap-4 rounded-card border border-edge bg-surface px-4 py-3 text-sm"
        >
          <div>
            <p className="font-medium">
              <ForeignText max={40}>{group.origin || group.origin_kind}</ForeignText>: {heldText(group.reason)}
            </p>
            <p className="mt-0.5 text-ink-soft">
              {heldUntil(group.reason)}
              {group.reason === "machine_of_another_agent" && onRelease && (
                <>
                  {" "}
                  <Link
                    to="/records/$kind"
                    params={{ kind: "machines" }}
                    search={{ plant: group.plant, q: group.origin }}
                    className="underline underline-offset-2"
                  >
                    Show the machine
                  </Link>
                </>
              )}
            </p>
          </div>
          {onRelease && (
            <Button
              small
              aria-label={`Release what is held of ${group.origin || group.origin_kind}: ${heldText(group.reason)}`}
              onClick={() => onRelease(group)}
            >
              Release
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}

function Events({ rows, time_zone }: { rows: Held[]; time_zone: string | undefined }) {
  return (
    <Table
      caption="Events that are set aside, oldest first"
      rows={rows}
      rowKey={(event) => event.id}
      empty="None is left."
      columns={[
        {
          key: "at",
          title: "By the agent's clock",
          cell: (event) => (
            <span className="flex flex-col">
              <AgentMoment at_us={event.at_us} time_zone={time_zone} />
              <span className="text-ink-soft md:hidden">
                <ForeignText max={40}>{event.origin || event.origin_kind}</ForeignText>
              </span>
            </span>
          ),
        },
        {
          key: "origin",
          title: "Of",
          wideOnly: true,
          className: "min-w-24",
          cell: (event) => <ForeignText max={40}>{event.origin || event.origin_kind}</ForeignText>,
        },
        {
          key: "reason",
          title: "Why",
          className: "w-full min-w-36",
          cell: (event) => (
            <span className="flex flex-col">
              {heldText(event.reason)}
              {event.detail && (
                <span className="text-ink-soft">
                  <ForeignText max={200}>{event.detail}</ForeignText>
                </span>
              )}
            </span>
          ),
        },
        {
          key: "place",
          title: "Event",
          number: true,
          wideOnly: true,
          cell: (event) => (
            <span className="whitespace-nowrap">
              {event.epoch}/{event.seq}
            </span>
          ),
        },
        {
          key: "received",
          title: "Received",
          wideOnly: true,
          cell: (event) => (
            <span className="whitespace-nowrap">{momentText(event.received_at, "dayAndTime", time_zone)}</span>
          ),
        },
      ]}
    />
  );
}

function AgentMoment({ at_us, time_zone }: { at_us: number; time_zone: string | undefined }) {
  const moment = agentMoment(at_us);
  return (
    <span className="whitespace-nowrap">{moment ? momentText(moment, "full", time_zone) : "no calendar has it"}</span>
  );
}

function Release({
  group,
  onDone,
  onClose,
}: {
  group: HeldGroup;
  onDone: (outcome: Schema<"Released">) => void;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const ofPlace = group.origin !== "" && (group.origin_kind === "machine" || group.origin_kind === "station");
  return (
    <Confirm
      title="Release events that were set aside?"
      action="Release"
      run={async () => {
        const body = { plant: group.plant, reason: group.reason, ...(ofPlace && { origin: group.origin }) };
        onDone(await answer(api.POST("/quarantined-events/release", { body })));
        await queries.invalidateQueries({ queryKey: ["agents"] });
      }}
      onClose={onClose}
    >
      <p>
        All events of <strong>{group.plant}</strong> that were set aside because “{heldText(group.reason)}”
        {ofPlace && (
          <>
            {" "}
            and come from <strong>{group.origin}</strong>
          </>
        )}{" "}
        are looked at again.
      </p>
      <p>Those whose reason no longer holds become facts at the moment they happened, and count. The others stay.</p>
    </Confirm>
  );
}
