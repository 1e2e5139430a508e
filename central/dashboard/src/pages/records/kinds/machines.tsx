import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Age, decimalText, ForeignName, ForeignText, numberText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { Button } from "../../../parts/button.tsx";
import { Confirm } from "../../../parts/confirm.tsx";
import { SelectField } from "../../../parts/field.tsx";
import { Answered } from "../../../parts/listing.tsx";
import { Section } from "../../../parts/page.tsx";
import { Table } from "../../../parts/table.tsx";
import { useMay } from "../../../session/session.ts";
import { releasedText } from "../../agents/words.ts";
import { plainListQuery, type Resource } from "../resource.ts";
import { titleColumn } from "./cells.tsx";
import { TITLE } from "./patterns.ts";
import { suggestLines } from "./suggestions.ts";

type Machine = Schema<"MachineSettings">;
type Signal = Schema<"Signal">;

export const MACHINES: Resource<Machine> = {
  kind: "machines",
  title: "Machines",
  one: "machine",
  about: "Machines come by themselves, when an agent first names them.",
  origin: "Machines come by themselves: an agent's configuration names them.",
  nameOf: (row) => row.name,
  retires: false,
  columns: [
    titleColumn(),
    {
      key: "line",
      title: "Line",
      className: "min-w-24",
      cell: (row) => <ForeignText max={40}>{row.line ?? "–"}</ForeignText>,
    },
    {
      key: "agent",
      title: "Reported by",
      className: "min-w-28",
      wideOnly: true,
      cell: (row) => (
        <Link
          to="/agents/$agent"
          params={{ agent: row.agent_uuid }}
          search={(before) => ({ plant: before.plant })}
          className="underline-offset-2 hover:underline"
        >
          <ForeignName max={40}>{row.agent}</ForeignName>
        </Link>
      ),
    },
    {
      key: "microstop",
      title: "Microstop below",
      number: true,
      wideOnly: true,
      cell: (row) =>
        row.microstop_below_ms != null ? (
          `${decimalText(row.microstop_below_ms / 1_000)} s`
        ) : (
          <span className="whitespace-nowrap">as the agent has it</span>
        ),
    },
  ],
  fields: [
    { kind: "text", key: "title", label: "Title", hint: "What people call it.", ...TITLE },
    { kind: "text", key: "line", label: "Line", hint: "Empty: it stands in none.", max: 64, suggest: suggestLines },
    {
      kind: "number",
      key: "microstop_below_ms",
      label: "Microstop below",
      hint: "Seconds. A shorter stop is a microstop: no reason is asked for. Empty: as the agent has it.",
      unit: "s",
      min: 0,
      max: 3_600_000,
      factor: 1_000,
    },
  ],
  list: async (filter, cursor, signal) => {
    const params = { query: plainListQuery(filter, cursor) };
    const found = await answer(api.GET("/machine-settings", { params, signal }));
    return { rows: found.machine_settings, next: found.next };
  },
  get: (machine) => answer(api.GET("/machine-settings/{machine}", { params: { path: { machine } } })),
  replace: (machine, version, values) =>
    answer(
      api.PUT("/machine-settings/{machine}", {
        params: { path: { machine } },
        body: {
          version,
          title: values.text("title"),
          line: values.optionalText("line"),
          microstop_below_ms: values.number("microstop_below_ms"),
        },
      }),
    ),
  more: (row) => (
    <>
      <Signals machine={row} />
      <Transfer machine={row} />
    </>
  ),
};

function Signals({ machine }: { machine: Machine }) {
  const signals = useQuery({
    queryKey: ["master_data", "signals", machine.id],
    queryFn: ({ signal }) =>
      answer(api.GET("/machine-settings/{machine}/signals", { params: { path: { machine: machine.id } }, signal })),
    refetchInterval: 15_000,
  });
  return (
    <Section title="Signals">
      <Answered query={signals} rows={2}>
        {(data) => (
          <Table
            caption="Signals that were read in the last hour"
            rows={data.signals}
            rowKey={(signal) => `${signal.kind} ${signal.signal}`}
            empty="No signal of this machine was read in the last hour."
            columns={[
              {
                key: "signal",
                title: "Signal",
                className: "w-full",
                cell: (signal) => (
                  <span className="flex flex-col">
                    <ForeignText max={60}>{signal.signal}</ForeignText>
                    <span className="text-ink-soft text-xs">
                      {signal.quality ? `counts ${signal.quality}` : signal.kind}
                    </span>
                  </span>
                ),
              },
              { key: "value", title: "Value", number: true, cell: (signal) => <SignalValue signal={signal} /> },
              {
                key: "at",
                title: "Read",
                cell: (signal) => (
                  <span className="whitespace-nowrap">
                    <Age of={signal.at} />
                  </span>
                ),
              },
            ]}
          />
        )}
      </Answered>
    </Section>
  );
}

function SignalValue({ signal }: { signal: Signal }) {
  if (signal.kind === "count") return signal.counter != null ? numberText(signal.counter) : "–";
  if (signal.bool != null) return signal.bool ? "on" : "off";
  if (signal.number != null) return `${decimalText(signal.number)}${signal.unit ? ` ${signal.unit}` : ""}`;
  return <ForeignText max={40}>{signal.text ?? "–"}</ForeignText>;
}

/** Lets another agent report the machine: after a computer was replaced. */
function Transfer({ machine }: { machine: Machine }) {
  const may = useMay("agents:write");
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const [chosen, setChosen] = useState("");
  const [outcome, setOutcome] = useState<Schema<"Transferred"> | null>(null);
  const agents = useQuery({
    queryKey: ["agents", "of plant", machine.plant],
    queryFn: ({ signal }) =>
      answer(api.GET("/agents", { params: { query: { plant: machine.plant, limit: 500 } }, signal })),
    enabled: may,
  });
  const others = (agents.data?.agents ?? []).filter((agent) => agent.enabled && agent.uuid !== machine.agent_uuid);
  const to = others.find((agent) => agent.uuid === chosen);
  return (
    <Section title="Reported by">
      <p className="text-sm">
        Only <strong>{machine.agent}</strong> may report this machine.
        {!may && " An administrator can give it to another agent, after a computer was replaced."}
        {may && others.length === 0 && " There is no other enabled agent in this plant to give it to."}
      </p>
      {outcome && (
        <p role="status" className="rounded-card border border-done px-4 py-2 text-sm">
          {outcome.machine.agent} reports it from here on.{" "}
          {outcome.facts + outcome.held === 0
            ? "It had sent nothing of it before."
            : `Of what it had sent before: ${releasedText(outcome)}`}
        </p>
      )}
      {may && others.length > 0 && (
        <div className="flex items-end gap-2">
          <div className="flex-1">
            <SelectField label="Another agent" value={chosen} onChange={(event) => setChosen(event.target.value)}>
              <option value="">Choose …</option>
              {others.map((agent) => (
                <option key={agent.uuid} value={agent.uuid}>
                  {agent.name}
                </option>
              ))}
            </SelectField>
          </div>
          <Button disabled={!to} onClick={() => setAsking(true)}>
            Transfer
          </Button>
        </div>
      )}
      {asking && to && (
        <Confirm
          title={`Let ${to.name} report ${machine.name}?`}
          action="Transfer"
          danger
          typed={machine.name}
          run={async () => {
            const params = { path: { machine: machine.id } };
            const body = { agent: to.uuid };
            setOutcome(await answer(api.POST("/machine-settings/{machine}/transfer", { params, body })));
            setChosen("");
            void queries.invalidateQueries({ queryKey: ["agents"] });
            await queries.invalidateQueries({ queryKey: ["master_data"] });
          }}
          onClose={() => setAsking(false)}
        >
          <p>
            What {machine.agent} sends of this machine from here on is set aside and counts nowhere. What {to.name} sent
            of it before becomes facts.
          </p>
        </Confirm>
      )}
    </Section>
  );
}
