import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { durationText, ForeignText } from "screens";
import { answer, api } from "../../../api/client.ts";
import { Button } from "../../../parts/button.tsx";
import { CheckField, TextField } from "../../../parts/field.tsx";
import { Answered } from "../../../parts/listing.tsx";
import { Badge, ErrorNotice } from "../../../parts/notices.tsx";
import { Section } from "../../../parts/page.tsx";
import { SideSheet } from "../../../parts/side-sheet.tsx";
import { Table } from "../../../parts/table.tsx";
import { useMay } from "../../../session/session.ts";
import { rulesQuery } from "../queries.ts";
import {
  type EffectiveRule,
  hasThreshold,
  INCIDENT_KINDS,
  type IncidentKind,
  type RuleDraft,
  type RuleSet,
  rulesDraft,
  rulesOf,
  thresholdOf,
} from "../words.ts";

const KINDS = Object.keys(INCIDENT_KINDS) as IncidentKind[];

/** What counts as an incident: for the plant, and for lines that differ from it. */
export function Rules({ plant }: { plant: string }) {
  const rules = useQuery(rulesQuery(plant));
  const may = useMay("master_data:write");
  const [edited, setEdited] = useState<RuleSet | null>(null);
  return (
    <Section title="What is an incident">
      <Answered query={rules}>
        {(data) => (
          <Table
            caption="Alert rules of the plant and its lines"
            rows={data.sets}
            rowKey={(set) => set.line ?? ""}
            empty="There are no rules."
            columns={[
              {
                key: "line",
                title: "Of",
                cell: (set) => (
                  <span className="whitespace-nowrap font-medium">
                    {set.line == null ? "Whole plant" : <ForeignText max={40}>{set.line}</ForeignText>}
                  </span>
                ),
              },
              ...KINDS.map((kind) => ({
                key: kind,
                title: INCIDENT_KINDS[kind].word,
                cell: (set: RuleSet) => (
                  <RuleCell rule={set.rules.find((rule) => rule.kind === kind)} line={set.line} />
                ),
              })),
              ...(may
                ? [
                    {
                      key: "edit",
                      title: <span className="sr-only">Change</span>,
                      className: "w-full text-right",
                      cell: (set: RuleSet) => (
                        <Button
                          small
                          aria-label={`Change the rules of ${set.line ?? "the whole plant"}`}
                          onClick={() => setEdited(set)}
                        >
                          Change
                        </Button>
                      ),
                    },
                  ]
                : []),
            ]}
          />
        )}
      </Answered>
      {edited && <RulesSheet plant={plant} set={edited} onClose={() => setEdited(null)} />}
    </Section>
  );
}

function RuleCell({ rule, line }: { rule: EffectiveRule | undefined; line: string | null | undefined }) {
  if (!rule) return "–";
  const text = !rule.enabled ? "off" : rule.threshold_s != null ? durationText(rule.threshold_s * 1_000) : "at once";
  return (
    <span
      className={`flex flex-wrap items-center gap-1 whitespace-nowrap ${rule.own || line == null ? "" : "text-ink-soft"}`}
    >
      {text} {rule.own && line != null && <Badge>own</Badge>}
    </span>
  );
}

function RulesSheet({ plant, set, onClose }: { plant: string; set: RuleSet; onClose: () => void }) {
  const queries = useQueryClient();
  const [before] = useState(() => rulesDraft(set));
  const [draft, setDraft] = useState(before);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const unsaved = !busy && JSON.stringify(draft) !== JSON.stringify(before);
  const rules = rulesOf(draft);
  const change = (kind: IncidentKind, part: Partial<RuleDraft>) =>
    setDraft((rows) => rows.map((row) => (row.kind === kind ? { ...row, ...part } : row)));
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (rules === null) return;
    setBusy(true);
    setError(undefined);
    try {
      await answer(api.PUT("/alerts/rules", { body: { plant, line: set.line ?? null, rules } }));
      await queries.invalidateQueries({ queryKey: ["work"] });
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const follows = set.line == null ? "the rule for all plants" : "the plant";
  return (
    <SideSheet title={`Alert rules of ${set.line ?? plant}`} unsaved={unsaved} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        {draft.map((rule) => (
          <fieldset
            key={rule.kind}
            className="flex flex-col gap-2 rounded-card border border-line bg-surface px-4 py-3"
          >
            <legend className="px-1 font-semibold text-sm">{INCIDENT_KINDS[rule.kind].word}</legend>
            <CheckField
              label={`Follow ${follows}`}
              checked={!rule.own}
              onChange={(event) => change(rule.kind, { own: !event.target.checked })}
            />
            {rule.own && (
              <>
                <CheckField
                  label={`Tell people when ${INCIDENT_KINDS[rule.kind].when}${hasThreshold(rule.kind) ? " …" : ""}`}
                  checked={rule.enabled}
                  onChange={(event) => change(rule.kind, { enabled: event.target.checked })}
                />
                {hasThreshold(rule.kind) && (
                  <div className="ml-6 max-w-40">
                    <TextField
                      label="Minutes"
                      inputMode="decimal"
                      value={rule.minutes}
                      error={thresholdOf(rule.minutes) === null ? "10 seconds to 7 days." : undefined}
                      onChange={(event) => change(rule.kind, { minutes: event.target.value })}
                    />
                  </div>
                )}
              </>
            )}
          </fieldset>
        ))}
        {error !== undefined && <ErrorNotice error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={busy} disabled={!unsaved || rules === null}>
            Save
          </Button>
        </div>
      </form>
    </SideSheet>
  );
}
