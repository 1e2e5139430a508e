import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Age, ForeignText, momentText, numberText, useAsTimePasses } from "screens";
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
import { type Agent, decisionShows, divergenceWords, isStillRefused, shortInstance } from "./words.ts";

type Details = Schema<"DivergenceDetails">;
type Claimant = Schema<"ClaimingInstance">;
type Resolved = Schema<"DivergenceResolved">;

interface Part {
  agent: Agent;
  time_zone: string | undefined;
}

/** Two histories under one name: both sides, what each choice means, and the choice. After it, what was decided. */
export function Divergence({ agent, time_zone }: Part) {
  const [decided, setDecided] = useState<Resolved | null>(null);
  const { divergence, decided_divergence: decision } = agent;
  const shows = useAsTimePasses((now) => decision != null && decisionShows(decision, now));
  if (divergence == null && !shows && !decided) return null;
  return (
    <section
      aria-labelledby="divergence"
      className={`flex flex-col gap-4 rounded-card bg-surface p-5 ${divergence ? "border-2 border-alarm" : "border border-edge"}`}
    >
      {divergence ? <Open agent={agent} reason={divergence.reason} /> : <Over agent={agent} time_zone={time_zone} />}
      {decided && (
        <p role="status" className="max-w-prose rounded-card border border-done px-4 py-2 text-sm">
          {decided.text}
        </p>
      )}
      <Sides agent={agent} time_zone={time_zone} onDecided={setDecided} />
    </section>
  );
}

function Open({ agent, reason }: { agent: Agent; reason: string }) {
  const { title, what } = divergenceWords(reason);
  return (
    <header className="flex items-start gap-3">
      <WarningIcon className="mt-1 text-alarm" />
      <div>
        <h2 id="divergence" className="font-semibold text-lg">
          {title}
        </h2>
        <p className="mt-1 max-w-prose text-sm">
          {what(agent.name)} Central accepts nothing under this name until a person decides what goes on. Nothing is
          lost meanwhile: what is captured is kept where it is captured.
        </p>
      </div>
    </header>
  );
}

function Over({ agent, time_zone }: Part) {
  const { decided_divergence: decision } = agent;
  if (!decision) return null;
  return (
    <header>
      <h2 id="divergence" className="font-semibold text-lg">
        Two histories, decided
      </h2>
      <p className="mt-1 max-w-prose text-sm">
        <ForeignText max={60}>{decision.resolved_by ?? "Somebody"}</ForeignText> decided on{" "}
        {momentText(decision.resolved_at, "full", time_zone)} which process goes on as {agent.name}.
      </p>
      {isStillRefused(decision) && (
        <p className="mt-3 max-w-prose rounded-card bg-warning-soft px-4 py-3 text-sm">
          A process that was not accepted still asked <Age of={decision.last_refused_at} /> and was refused. Stop it,
          and enrol its computer anew if it is to stay. If the accepted one was started again before it heard of the
          decision, it is this one: decide anew.
        </p>
      )}
    </header>
  );
}

/** All that is known of it. Once it is decided, only for those who open it. */
function Sides({ agent, time_zone, onDecided }: Part & { onDecided: (decided: Resolved) => void }) {
  const details = useQuery(divergenceQuery(agent.uuid));
  const queries = useQueryClient();
  const [asked, setAsked] = useState<{ chosen: Claimant; details: Details } | null>(null);
  const known = (
    <Answered query={details}>
      {(data) => (
        <Known details={data} time_zone={time_zone} onChoose={(chosen) => setAsked({ chosen, details: data })} />
      )}
    </Answered>
  );
  const accept = async (chosen: Claimant, again: boolean) => {
    const params = { path: { agent: agent.uuid } };
    const body = { accept: chosen.instance, again };
    try {
      onDecided(await answer(api.POST("/agents/{agent}/divergence/resolve", { params, body })));
    } finally {
      // Also when it was refused: somebody else has decided.
      void queries.invalidateQueries({ queryKey: ["agents"] });
    }
  };
  return (
    <>
      {agent.divergence ? known : <Folded title="What was known, and another decision">{known}</Folded>}
      {asked && (
        <Accept
          agent={agent}
          {...asked}
          run={() => accept(asked.chosen, asked.details.resolved_at != null)}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  );
}

function Folded({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details>
      <summary className="cursor-pointer text-sm underline-offset-2 hover:underline">{title}</summary>
      <div className="mt-4 flex flex-col gap-4">{children}</div>
    </details>
  );
}

function Known({
  details,
  time_zone,
  onChoose,
}: {
  details: Details;
  time_zone: string | undefined;
  onChoose: (chosen: Claimant) => void;
}) {
  const may = useMay("agents:write");
  return (
    <>
      <Facts
        facts={[
          ["First seen", momentText(details.first_seen_at, "full", time_zone)],
          ["Last refused", <Age key="age" of={details.last_seen_at} />],
          ["Batches refused", numberText(details.refused_batches)],
          ["Committed", `up to event ${numberText(details.committed_seq)}; that stays, whatever is decided`],
          ["They differ from", details.fork_seq != null ? `event ${numberText(details.fork_seq)}` : "not known"],
          [
            "What central saw",
            <ForeignText key="text" max={400}>
              {details.text}
            </ForeignText>,
          ],
        ]}
      />
      <p className="max-w-prose whitespace-pre-line rounded-card bg-warning-soft px-4 py-3 text-sm">{details.advice}</p>
      <ul className="grid gap-3 lg:grid-cols-2">
        {details.instances.map((one) => (
          <Side key={one.instance} one={one} time_zone={time_zone} onChoose={may && !one.accepted ? onChoose : null} />
        ))}
      </ul>
      {!may && <p className="text-ink-soft text-sm">An administrator decides.</p>}
    </>
  );
}

function Side({
  one,
  time_zone,
  onChoose,
}: {
  one: Claimant;
  time_zone: string | undefined;
  onChoose: ((chosen: Claimant) => void) | null;
}) {
  return (
    <li className="flex flex-col gap-3 rounded-card border border-edge bg-raised p-4">
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
          ["From", <ForeignText key="address">{one.peer_address ?? "–"}</ForeignText>],
          ["Newest event", numberText(one.newest_seq)],
          ["Since", momentText(one.first_seen_at, "full", time_zone)],
          ["Last asked", <Age key="age" of={one.last_seen_at} />],
        ]}
      />
      {onChoose && (
        <div className="mt-auto flex justify-end">
          <Button
            small
            aria-label={`Let this one go on: ${shortInstance(one.instance)} on ${one.host ?? "an unknown computer"}`}
            onClick={() => onChoose(one)}
          >
            Let this one go on
          </Button>
        </div>
      )}
    </li>
  );
}

function Accept({
  agent,
  chosen,
  details,
  run,
  onClose,
}: {
  agent: Agent;
  chosen: Claimant;
  details: Details;
  run: () => Promise<unknown>;
  onClose: () => void;
}) {
  const restored = details.reason === "claimed_by_agent";
  return (
    <Confirm
      title={`Let ${shortInstance(chosen.instance)} on ${chosen.host ?? "an unknown computer"} go on as ${agent.name}?`}
      action="Let it go on"
      danger
      typed={agent.name}
      run={run}
      onClose={onClose}
    >
      <p>
        {restored
          ? "It goes on with everything that it still holds. What central no longer has and the agent has forgotten is recorded as a gap."
          : `Its events after event ${numberText(details.committed_seq)} become facts. What is committed stays.`}
      </p>
      <p>
        Every other process stays refused: what only it captured never arrives by itself. Its first refused batches are
        kept here, the rest in its own files.
      </p>
      {!chosen.listened_to && !restored && (
        <p className="rounded-card bg-warning-soft px-4 py-2 text-sm">
          What is committed did not come from this one. If it runs from an older copy, pieces may be counted twice: read
          the advice first.
        </p>
      )}
    </Confirm>
  );
}
