import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { Age, ForeignName, ForeignText, numberText, useAsTimePasses } from "screens";
import { buttonClass } from "../../parts/button.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { Page } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { useMay, useSession } from "../../session/session.ts";
import { OpenInvitations } from "./open-invitations.tsx";
import { agentsQuery } from "./queries.ts";
import { type Agent, CLOCK_OFF_MS, offsetText, type Standing, standings } from "./words.ts";

/** Which computers on the floor report, how far behind they are, and what is wrong with them. */
export function AgentsPage() {
  const { plant } = useSearch({ from: "/shell/agents" });
  const may = useMay("agents:write");
  const several = useSession().plants.length > 1;
  const agents = useInfiniteQuery(agentsQuery(plant));
  return (
    <Page
      title="Agents"
      actions={
        may && (
          <Link to="/agents/invite" search={{ plant }} className={buttonClass({ look: "primary" })}>
            Invite an agent
          </Link>
        )
      }
    >
      {may && <OpenInvitations plant={plant} />}
      <Listed query={agents} rowsOf={(page) => page.agents}>
        {(rows) => (
          <Table
            caption="Agents, by plant and name"
            rows={rows}
            rowKey={(agent) => agent.uuid}
            empty={
              <>
                <p className="font-semibold text-ink">No agent has been let in yet.</p>
                <p className="mt-1">
                  {may
                    ? "Invite one: it gives you a code to type on the computer beside the machines."
                    : "An administrator invites agents; each then enrols with a code."}
                </p>
              </>
            }
            columns={[
              {
                key: "name",
                title: "Agent",
                className: "min-w-28 md:w-full",
                cell: (agent) => <Name agent={agent} several={several} />,
              },
              { key: "standing", title: "Stands", className: "min-w-28", cell: (agent) => <Standings agent={agent} /> },
              {
                key: "sync",
                title: "Last sync",
                cell: (agent) => (
                  <span className="whitespace-nowrap">
                    {agent.last_sync_at ? <Age of={agent.last_sync_at} /> : "–"}
                  </span>
                ),
              },
              { key: "backlog", title: "Backlog", number: true, cell: (agent) => <BacklogCell agent={agent} /> },
              {
                key: "clock",
                title: "Clock",
                number: true,
                wideOnly: true,
                cell: (agent) => <ClockOffset agent={agent} />,
              },
              {
                key: "lost",
                title: "Gaps",
                number: true,
                wideOnly: true,
                cell: (agent) => (agent.gaps.count > 0 ? numberText(agent.gaps.count) : "–"),
              },
              {
                key: "held",
                title: "Set aside",
                number: true,
                wideOnly: true,
                cell: (agent) => (agent.quarantined_events > 0 ? numberText(agent.quarantined_events) : "–"),
              },
              {
                key: "version",
                title: "Version",
                wideOnly: true,
                cell: (agent) => <ForeignText max={20}>{agent.version ?? "–"}</ForeignText>,
              },
            ]}
          />
        )}
      </Listed>
    </Page>
  );
}

function Name({ agent, several }: { agent: Agent; several: boolean }) {
  return (
    <div className="flex flex-col">
      <Link
        to="/agents/$agent"
        params={{ agent: agent.uuid }}
        search={(before) => ({ plant: before.plant })}
        className="font-medium underline-offset-2 hover:underline"
      >
        <ForeignName max={40}>{agent.name}</ForeignName>
      </Link>
      <span className="text-ink-soft text-xs">
        {several && <ForeignText max={40}>{agent.plant}</ForeignText>}
        {several && agent.host && " · "}
        {agent.host && <ForeignText max={40}>{agent.host}</ForeignText>}
      </span>
    </div>
  );
}

/** How it stands, as time passes. */
export function Standings({ agent }: { agent: Agent }) {
  const found = JSON.parse(useAsTimePasses((now) => JSON.stringify(standings(agent, now)))) as Standing[];
  return (
    <span className="flex flex-wrap gap-1">
      {found.map((standing) => (
        <Badge key={standing.word} kind={standing.kind}>
          {standing.word}
        </Badge>
      ))}
    </span>
  );
}

function BacklogCell({ agent }: { agent: Agent }) {
  const { backlog } = agent;
  if (!backlog) return "–";
  return (
    <span className="whitespace-nowrap">
      {numberText(backlog.events)}
      {backlog.events > 0 && backlog.oldest_at && (
        <span className="block text-ink-soft text-xs">
          oldest <Age of={backlog.oldest_at} />
        </span>
      )}
    </span>
  );
}

export function ClockOffset({ agent }: { agent: Agent }) {
  const offset = agent.clock_offset_ms;
  if (offset == null) return "–";
  const off = Math.abs(offset) > CLOCK_OFF_MS;
  return <span className={`whitespace-nowrap ${off ? "font-semibold text-warning" : ""}`}>{offsetText(offset)}</span>;
}
