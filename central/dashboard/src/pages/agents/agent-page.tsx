import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { Age, ForeignText, momentText, numberText } from "screens";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { LeftIcon } from "../../parts/icons.tsx";
import { Answered, Listed } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Facts, Page, Section } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { useZones } from "../../session/plants.tsx";
import { useMay } from "../../session/session.ts";
import { ClockOffset, Standings } from "./agents-page.tsx";
import { Divergence } from "./divergence.tsx";
import { agentQuery, gapsQuery, rejectedQuery, setEnabled } from "./queries.ts";
import { SetAside } from "./set-aside.tsx";
import { type Agent, bytesText, healthOf, worstFirst } from "./words.ts";

/** One agent: what it says of itself, what it lost, what was refused of it, and whether it may speak. */
export function AgentPage() {
  const { agent: uuid } = useParams({ from: "/shell/agents/$agent" });
  const agent = useQuery(agentQuery(uuid));
  const time_zone = useZones()(agent.data?.plant);
  return (
    <Page
      title={agent.data?.name ?? "Agent"}
      above={
        <Link
          to="/agents"
          search={(before) => ({ plant: before.plant })}
          className="mb-1 inline-flex items-center gap-1 text-ink-soft text-sm hover:text-ink"
        >
          <LeftIcon /> Agents{agent.data ? ` · ${agent.data.plant}` : ""}
        </Link>
      }
      actions={agent.data && <Switch agent={agent.data} />}
    >
      <Answered query={agent} rows={6}>
        {(data) => (
          <>
            <Standings agent={data} />
            <Divergence agent={data} time_zone={time_zone} />
            <Overview agent={data} time_zone={time_zone} />
            <Conditions agent={data} />
            <SetAside agent={data} time_zone={time_zone} />
            <Gaps agent={data} time_zone={time_zone} />
            {data.rejected_frames > 0 && <RejectedFrames agent={data} time_zone={time_zone} />}
          </>
        )}
      </Answered>
    </Page>
  );
}

interface Part {
  agent: Agent;
  time_zone: string | undefined;
}

function Overview({ agent, time_zone }: Part) {
  const moment = (at: string | null | undefined) => (at ? momentText(at, "full", time_zone) : "–");
  const { backlog } = agent;
  return (
    <div className="grid gap-x-10 gap-y-1 rounded-card border border-line bg-surface p-4 md:grid-cols-2 xl:grid-cols-3 max-md:[&_dl]:grid-cols-[10.5rem_1fr]">
      <Facts
        facts={[
          ["Last sync", agent.last_sync_at ? <Age key="age" of={agent.last_sync_at} /> : "never"],
          [
            "Backlog",
            backlog
              ? `${numberText(backlog.events)} events${backlog.buffer_bytes != null ? `, ${bytesText(backlog.buffer_bytes)} of ${bytesText(backlog.buffer_bytes_max ?? 0)} used` : ""}`
              : "–",
          ],
          ["Oldest in it", backlog?.oldest_at ? <Age key="age" of={backlog.oldest_at} /> : "–"],
          ["Clock against central", <ClockOffset key="clock" agent={agent} />],
        ]}
      />
      <Facts
        facts={[
          ["Version", <ForeignText key="version">{agent.version ?? "–"}</ForeignText>],
          ["Host", <ForeignText key="host">{agent.host ?? "–"}</ForeignText>],
          ["Address", <ForeignText key="address">{agent.peer_address ?? "–"}</ForeignText>],
          ["Started", moment(agent.started_at)],
        ]}
      />
      <Facts
        facts={[
          ["Enrolled", moment(agent.enrolled_at)],
          [
            "Committed",
            `event ${numberText(agent.log.acknowledged)} of ${agent.log.newest != null ? numberText(agent.log.newest) : "–"}, epoch ${agent.log.epoch}`,
          ],
          ["Dropped by its buffer", numberText(agent.dropped_events)],
          ["Messages not understood", numberText(agent.poison_messages)],
        ]}
      />
    </div>
  );
}

function Conditions({ agent }: { agent: Agent }) {
  return (
    <Section title="Sources and devices">
      <Table
        caption="Sources and devices, what is wrong first"
        rows={worstFirst(agent.conditions)}
        rowKey={(condition) => `${condition.kind} ${condition.subject}`}
        empty="The agent has not said anything of its sources yet."
        columns={[
          {
            key: "subject",
            title: "Source",
            className: "min-w-32",
            cell: (condition) => (
              <span className="flex flex-col">
                <span className="font-medium">
                  <ForeignText max={60}>{condition.subject}</ForeignText>
                </span>
                <span className="text-ink-soft text-xs">
                  <ForeignText max={30}>{condition.kind}</ForeignText>
                </span>
              </span>
            ),
          },
          {
            key: "health",
            title: "Health",
            cell: (condition) => {
              const { word, kind } = healthOf(condition);
              return <Badge kind={kind}>{word}</Badge>;
            },
          },
          {
            key: "since",
            title: "Since",
            cell: (condition) => (
              <span className="whitespace-nowrap">{condition.since ? <Age of={condition.since} /> : "–"}</span>
            ),
          },
          {
            key: "reason",
            title: "Reason",
            className: "w-full",
            cell: (condition) => <ForeignText max={300}>{condition.reason || "–"}</ForeignText>,
          },
        ]}
      />
    </Section>
  );
}

function Gaps({ agent, time_zone }: Part) {
  const gaps = useInfiniteQuery(gapsQuery(agent.uuid));
  return (
    <Section title="Gaps">
      <Listed query={gaps} rowsOf={(page) => page.gaps}>
        {(rows) => (
          <Table
            caption="Recorded loss, newest first"
            rows={rows}
            rowKey={(gap) => `${gap.epoch} ${gap.seq}`}
            empty="No loss is recorded: every event that this agent captured is here, or on its way."
            columns={[
              {
                key: "at",
                title: "Recorded",
                cell: (gap) => <span className="md:whitespace-nowrap">{momentText(gap.at, "full", time_zone)}</span>,
              },
              {
                key: "lost",
                title: "Lost",
                number: true,
                cell: (gap) => (gap.lost != null ? numberText(gap.lost) : "unknown"),
              },
              {
                key: "what",
                title: "What and why",
                className: "w-full min-w-40",
                cell: (gap) => (
                  <span className="flex flex-col">
                    <span>
                      <ForeignText max={60}>{gap.subject}</ForeignText>
                      {gap.machine && (
                        <>
                          {" "}
                          of <ForeignText max={40}>{gap.machine}</ForeignText>
                        </>
                      )}{" "}
                      <span className="text-ink-soft">({gap.cause.replaceAll("_", " ")})</span>
                    </span>
                    {gap.text && (
                      <span className="text-ink-soft">
                        <ForeignText max={200}>{gap.text}</ForeignText>
                      </span>
                    )}
                    <span className="text-ink-soft md:hidden">
                      <GapSpan gap={gap} time_zone={time_zone} />
                    </span>
                  </span>
                ),
              },
              {
                key: "span",
                title: "From and to",
                wideOnly: true,
                cell: (gap) => (
                  <span className="whitespace-nowrap">
                    <GapSpan gap={gap} time_zone={time_zone} />
                  </span>
                ),
              },
            ]}
          />
        )}
      </Listed>
    </Section>
  );
}

function GapSpan({ gap, time_zone }: { gap: Schema<"RecordedGap">; time_zone: string | undefined }) {
  return (
    <>
      {momentText(gap.gap_from, "dayAndTime", time_zone)} – {momentText(gap.gap_to, "dayAndTime", time_zone)}
    </>
  );
}

function RejectedFrames({ agent, time_zone }: Part) {
  const frames = useQuery(rejectedQuery(agent.uuid));
  return (
    <Section title="Rejected frames">
      <p className="text-ink-soft text-sm">
        Bodies that could not be decoded. The agent keeps its data and sends it again; the newest few are kept here.
      </p>
      <Answered query={frames}>
        {(data) => (
          <Table
            caption="Rejected frames, newest first"
            rows={data.rejected_frames}
            rowKey={(frame) => frame.id}
            empty="None is kept any more."
            columns={[
              {
                key: "at",
                title: "Received",
                cell: (frame) => (
                  <span className="md:whitespace-nowrap">{momentText(frame.received_at, "full", time_zone)}</span>
                ),
              },
              {
                key: "size",
                title: "Size",
                number: true,
                cell: (frame) => <span className="whitespace-nowrap">{bytesText(frame.frame_bytes)}</span>,
              },
              {
                key: "error",
                title: "Error",
                className: "w-full",
                cell: (frame) => <ForeignText max={300}>{frame.error}</ForeignText>,
              },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}

/** Whether central listens to it. */
function Switch({ agent }: { agent: Agent }) {
  const may = useMay("agents:write");
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  if (!may) return null;
  return (
    <>
      <Button onClick={() => setAsking(true)}>{agent.enabled ? "Disable" : "Enable"}</Button>
      {asking && (
        <Confirm
          title={`${agent.enabled ? "Disable" : "Enable"} ${agent.name}?`}
          action={agent.enabled ? "Disable" : "Enable"}
          danger={agent.enabled}
          run={async () => {
            await setEnabled(agent.uuid, !agent.enabled);
            await queries.invalidateQueries({ queryKey: ["agents"] });
          }}
          onClose={() => setAsking(false)}
        >
          {agent.enabled ? (
            <>
              <p>Central refuses it from its next request on; its machines are shown as without data.</p>
              <p>
                What it captures stays on its computer, as long as its buffer has room, and comes when it is enabled
                again. Its station page goes on working.
              </p>
            </>
          ) : (
            <p>Central accepts it again. What it captured meanwhile arrives first, oldest first.</p>
          )}
        </Confirm>
      )}
    </>
  );
}
