import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ForeignText, momentText, numberText } from "screens";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Section } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { useMay } from "../../session/session.ts";
import { heldQuery } from "./queries.ts";
import { type Agent, agentMoment, heldText } from "./words.ts";

type Held = Schema<"QuarantinedEvent">;

/** Events that are committed and are no facts yet: a person releases them when their reason is gone. */
export function SetAside({ agent, time_zone }: { agent: Agent; time_zone: string | undefined }) {
  const may = useMay("agents:write");
  const held = useInfiniteQuery(heldQuery(agent.uuid));
  const [released, setReleased] = useState<Held | null>(null);
  const [outcome, setOutcome] = useState<Schema<"Released"> | null>(null);
  return (
    <Section title="Set aside">
      <p className="text-ink-soft text-sm">
        {numberText(agent.quarantined_events)} events are safe and count nowhere yet.
        {!may && " An administrator can release them."}
      </p>
      {outcome && (
        <p role="status" className="rounded-card border border-line bg-surface px-4 py-2 text-sm">
          {numberText(outcome.facts)} events are facts from here on; {numberText(outcome.held)} stay, because their
          reason still holds.
        </p>
      )}
      <Listed query={held} rowsOf={(page) => page.quarantined_events}>
        {(rows) => (
          <Table
            caption="Events that are set aside, oldest first"
            rows={rows}
            rowKey={(event) => event.id}
            empty="None is left."
            columns={[
              {
                key: "at",
                title: "By the agent's clock",
                cell: (event) => <AgentMoment at_us={event.at_us} time_zone={time_zone} />,
              },
              {
                key: "origin",
                title: "Of",
                className: "min-w-24",
                cell: (event) => <ForeignText max={40}>{event.origin || event.origin_kind}</ForeignText>,
              },
              {
                key: "reason",
                title: "Why",
                className: "w-full",
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
                key: "received",
                title: "Received",
                wideOnly: true,
                cell: (event) => (
                  <span className="whitespace-nowrap">{momentText(event.received_at, "dayAndTime", time_zone)}</span>
                ),
              },
              ...(may
                ? [
                    {
                      key: "release",
                      title: <span className="sr-only">Release</span>,
                      cell: (event: Held) => (
                        <Button
                          small
                          aria-label={`Release events of ${event.origin || event.origin_kind}`}
                          onClick={() => setReleased(event)}
                        >
                          Release
                        </Button>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Listed>
      {released && <Release event={released} onDone={setOutcome} onClose={() => setReleased(null)} />}
    </Section>
  );
}

function AgentMoment({ at_us, time_zone }: { at_us: number; time_zone: string | undefined }) {
  const moment = agentMoment(at_us);
  return (
    <span className="whitespace-nowrap">{moment ? momentText(moment, "full", time_zone) : "no calendar has it"}</span>
  );
}

function Release({
  event,
  onDone,
  onClose,
}: {
  event: Held;
  onDone: (outcome: Schema<"Released">) => void;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const ofMachine = event.origin !== "" && (event.origin_kind === "machine" || event.origin_kind === "station");
  return (
    <Confirm
      title="Release events that were set aside?"
      action="Release"
      run={async () => {
        const body = { plant: event.plant, reason: event.reason, ...(ofMachine && { origin: event.origin }) };
        onDone(await answer(api.POST("/quarantined-events/release", { body })));
        await queries.invalidateQueries({ queryKey: ["agents"] });
      }}
      onClose={onClose}
    >
      <p>
        All events of <strong>{event.plant}</strong> that were set aside because “{heldText(event.reason)}”
        {ofMachine && (
          <>
            {" "}
            and come from <strong>{event.origin}</strong>
          </>
        )}{" "}
        are looked at again.
      </p>
      <p>Those whose reason no longer holds become facts at the moment they happened, and count. The others stay.</p>
    </Confirm>
  );
}
