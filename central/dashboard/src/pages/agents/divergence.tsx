import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Age, ForeignText, momentText, numberText } from "screens";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { WarningIcon } from "../../parts/icons.tsx";
import { Answered } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Facts } from "../../parts/page.tsx";
import { useMay } from "../../session/session.ts";
import { divergenceQuery } from "./queries.ts";
import { type Agent, shortInstance } from "./words.ts";

type Details = Schema<"DivergenceDetails">;
type Claimant = Schema<"ClaimingInstance">;

/** Two histories under one name: both sides, what each choice means, and the choice. */
export function Divergence({ agent, time_zone }: { agent: Agent; time_zone: string | undefined }) {
  const details = useQuery(divergenceQuery(agent.uuid));
  const [decided, setDecided] = useState<Schema<"DivergenceResolved"> | null>(null);
  return (
    <section
      aria-labelledby="divergence"
      className="flex flex-col gap-4 rounded-card border-2 border-alarm bg-surface p-5"
    >
      <header className="flex items-start gap-3">
        <WarningIcon className="mt-1 text-alarm" />
        <div>
          <h2 id="divergence" className="font-semibold text-lg">
            Two histories under this name
          </h2>
          <p className="mt-1 max-w-prose text-sm">
            More than one process says it is {agent.name}: a disk was copied, or an older backup was restored. Central
            accepts nothing of any of them until a person decides which one goes on. Nothing is lost meanwhile: each
            keeps what it captures.
          </p>
        </div>
      </header>
      {decided && (
        <p role="status" className="rounded-card border border-done px-4 py-2 text-sm">
          {decided.text}
        </p>
      )}
      <Answered query={details}>
        {(data) => <Sides agent={agent} details={data} time_zone={time_zone} onDecided={setDecided} />}
      </Answered>
    </section>
  );
}

function Sides({
  agent,
  details,
  time_zone,
  onDecided,
}: {
  agent: Agent;
  details: Details;
  time_zone: string | undefined;
  onDecided: (decided: Schema<"DivergenceResolved">) => void;
}) {
  const may = useMay("agents:write");
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<Claimant | null>(null);
  return (
    <>
      <Facts
        facts={[
          ["First seen", momentText(details.first_seen_at, "full", time_zone)],
          ["Last refused", <Age key="age" of={details.last_seen_at} />],
          ["Batches refused", numberText(details.refused_batches)],
          ["Committed", `up to event ${numberText(details.committed_seq)}; that stays, whatever is decided`],
          ["They differ from", details.fork_seq != null ? `event ${numberText(details.fork_seq)}` : "not known"],
          ["What central saw", <ForeignText key="text">{details.text}</ForeignText>],
        ]}
      />
      <p className="max-w-prose whitespace-pre-line rounded-card bg-warning-soft px-4 py-3 text-sm">{details.advice}</p>
      <ul className="grid gap-3 lg:grid-cols-2">
        {details.instances.map((one) => (
          <li key={one.instance} className="flex flex-col gap-3 rounded-card border border-edge bg-raised p-4">
            <header className="flex flex-wrap items-center gap-2">
              <h3 className="font-semibold">
                <ForeignText max={60}>{one.host ?? "unknown computer"}</ForeignText>
              </h3>
              {one.listened_to && <Badge kind="attended">what is committed came from it</Badge>}
              {one.accepted && <Badge kind="done">accepted</Badge>}
            </header>
            <Facts
              facts={[
                [
                  "Process",
                  <code key="instance" className="font-mono text-xs">
                    {shortInstance(one.instance)}
                  </code>,
                ],
                ["Started", one.starts === 1 ? "once" : `${numberText(one.starts)} times`],
                ["Address", <ForeignText key="address">{one.peer_address ?? "–"}</ForeignText>],
                ["Newest event", numberText(one.newest_seq)],
                ["Since", momentText(one.first_seen_at, "full", time_zone)],
                ["Last asked", <Age key="age" of={one.last_seen_at} />],
              ]}
            />
            {may && (
              <div className="mt-auto flex justify-end">
                <Button
                  small
                  aria-label={`Accept the process ${one.instance} on ${one.host ?? "an unknown computer"}`}
                  onClick={() => setChosen(one)}
                >
                  Let this one go on
                </Button>
              </div>
            )}
          </li>
        ))}
      </ul>
      {!may && <p className="text-ink-soft text-sm">An administrator decides.</p>}
      {chosen && (
        <Confirm
          title={`Let ${chosen.host ?? "this process"} go on as ${agent.name}?`}
          action="Let it go on"
          danger
          typed={agent.name}
          run={async () => {
            const params = { path: { agent: agent.uuid } };
            const body = { accept: chosen.instance };
            onDecided(await answer(api.POST("/agents/{agent}/divergence/resolve", { params, body })));
            await queries.invalidateQueries({ queryKey: ["agents"] });
          }}
          onClose={() => setChosen(null)}
        >
          <p>
            Events of <strong>{chosen.host ?? chosen.instance}</strong> after event {numberText(details.committed_seq)}{" "}
            become facts. What is committed stays.
          </p>
          <p>
            Every other process stays refused for good: what only it captured never arrives by itself. Its first refused
            batches are kept here, the rest in its own files.
          </p>
          {!chosen.listened_to && (
            <p className="rounded-card bg-warning-soft px-4 py-2 text-sm">
              What is committed did not come from this one. If it runs from an older copy, pieces may be counted twice:
              read the advice first.
            </p>
          )}
        </Confirm>
      )}
    </>
  );
}
