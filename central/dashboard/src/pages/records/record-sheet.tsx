import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { Problem } from "../../api/problem.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { SelectField } from "../../parts/field.tsx";
import { Empty, ErrorNotice } from "../../parts/notices.tsx";
import { SideSheet } from "../../parts/side-sheet.tsx";
import { PlantOptions, useZones } from "../../session/plants.tsx";
import { sessionQuery, useMay, useSession } from "../../session/session.ts";
import { FieldInput } from "./form/field-input.tsx";
import {
  changesBetween,
  type Draft,
  differs,
  draftOf,
  type Field,
  faultsByField,
  faultsOf,
  removalKey,
  Values,
} from "./form/fields.ts";
import type { Kept, Resource } from "./resource.ts";

/** One record, to be read, changed or made. What was typed is never lost, and never overwrites what was not seen. */
export function RecordSheet<Row extends Kept>({
  resource,
  record,
  plant: chosenPlant,
  onClose,
}: {
  resource: Resource<Row>;
  /** None: a new one. */
  record: Row | null;
  plant: string | undefined;
  onClose: () => void;
}) {
  const may = useMay("master_data:write");
  const { plants } = useSession();
  const [base, setBase] = useState(record);
  const [plant, setPlant] = useState(record?.plant ?? chosenPlant ?? plants[0]?.name ?? "");
  const time_zone = useZones()(plant) ?? "UTC";
  const [before, setBefore] = useState<Draft>(() => draftOf(resource.fields, record, time_zone));
  const [draft, setDraft] = useState<Draft>(before);
  const [shown, setShown] = useState<Record<string, string>>({});
  const [error, setError] = useState<unknown>();
  const [theirs, setTheirs] = useState<Row | null>(null);
  const [busy, setBusy] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [saved, setSaved] = useState(false);
  const queries = useQueryClient();
  const unsaved = !saved && differs(draft, before);

  // What changed beside the form, such as who reports a machine, is no conflict with what is typed here.
  if (
    record &&
    base &&
    record.version > base.version &&
    !differs(draftOf(resource.fields, record, time_zone), before)
  ) {
    setBase(record);
  }

  const change = (key: string, value: string | boolean) => {
    setDraft((old) => ({ ...old, [key]: value }));
    setShown(({ [key]: _, ...rest }) => rest);
  };

  const finish = async () => {
    setSaved(true);
    // The record itself is not asked for again: it closes, and it may be gone.
    const closes = ["master_data", resource.kind, "one", base?.id].join();
    const predicate = ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey.join() !== closes;
    await queries.invalidateQueries({ queryKey: ["master_data"], predicate });
    // Which plants one sees is kept with the session.
    if (resource.kind === "plants") await queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
    onClose();
  };

  const refused = async (problem: unknown, form: HTMLFormElement) => {
    if (problem instanceof Problem && problem.status === 409 && base && problem.detail.includes("any more")) {
      setTheirs(await resource.get(base.id));
    } else if (problem instanceof Problem && problem.status === 400) {
      const { "": rest, ...faults } = faultsByField(
        problem.detail,
        resource.fields.map((field) => field.key),
      );
      setShown(faults);
      focusFirst(form, resource.fields, faults);
      if (rest !== undefined) setError(new Problem(400, "Central does not take it like this", rest));
    } else {
      setError(problem);
    }
  };

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const asked = base ? resource.fields.filter((field) => !field.stays) : resource.fields;
    const faults = faultsOf(asked, draft);
    setShown(faults);
    setError(undefined);
    if (Object.keys(faults).length > 0) return focusFirst(event.currentTarget, asked, faults);
    const form = event.currentTarget;
    setBusy(true);
    try {
      const values = new Values(resource.fields, draft, time_zone);
      if (base) await resource.replace(base.id, base.version, values);
      else await resource.create?.(plant, values);
      await finish();
    } catch (problem) {
      await refused(problem, form).catch(setError);
      setBusy(false);
    }
  };

  const takeTheirs = (row: Row, keepMine: boolean) => {
    const latest = draftOf(resource.fields, row, time_zone);
    setBase(row);
    setBefore(latest);
    if (!keepMine) setDraft(latest);
    setTheirs(null);
  };

  const title = base
    ? `${resource.one.charAt(0).toUpperCase()}${resource.one.slice(1)} ${resource.nameOf(base)}`
    : `New ${resource.one}`;
  return (
    <SideSheet title={title} unsaved={unsaved} onClose={onClose}>
      <div className="flex flex-col gap-8">
        <form onSubmit={submit} noValidate className="flex flex-col gap-4">
          {!may && <p className="text-ink-soft text-sm">Managers and administrators change this; you can read it.</p>}
          {theirs && (
            <Conflict
              changes={changesBetween(resource.fields, before, draftOf(resource.fields, theirs, time_zone))}
              onTheirs={() => takeTheirs(theirs, false)}
              onMine={() => takeTheirs(theirs, true)}
            />
          )}
          <fieldset disabled={!may || theirs !== null} className="flex flex-col gap-4">
            <legend className="sr-only">{title}</legend>
            {!base && resource.kind !== "plants" && plants.length > 1 && (
              <SelectField label="Plant" value={plant} onChange={(event) => setPlant(event.target.value)}>
                <PlantOptions />
              </SelectField>
            )}
            {resource.fields.map((field) => (
              <FieldInput
                key={field.key}
                field={field}
                value={draft[field.key] ?? ""}
                removed={draft[removalKey(field.key)] === true}
                has={field.kind === "secret" && base !== null && isSet(base, field.has)}
                creating={base === null}
                plant={plant}
                time_zone={time_zone}
                error={shown[field.key]}
                onChange={change}
              />
            ))}
          </fieldset>
          {error !== undefined && <ErrorNotice error={error} />}
          {may && (
            <div className="sticky bottom-0 -mx-5 flex flex-wrap justify-end gap-2 border-line border-t bg-raised px-5 py-3">
              {base && resource.remove && (
                <Button look="quiet" className="mr-auto text-alarm" onClick={() => setDeleting(true)}>
                  Delete
                </Button>
              )}
              <Button onClick={onClose}>Cancel</Button>
              <Button
                look="primary"
                type="submit"
                busy={busy}
                disabled={theirs !== null || (base !== null && !unsaved)}
              >
                {base ? "Save" : `Create ${resource.one}`}
              </Button>
            </div>
          )}
        </form>
        {base && resource.more?.(base)}
      </div>
      {deleting && base && (
        <Delete resource={resource} record={base} onDeleted={finish} onClose={() => setDeleting(false)} />
      )}
    </SideSheet>
  );
}

const isSet = (record: object, key: string): boolean =>
  Object.entries(record).some(([name, value]) => name === key && value === true);

function focusFirst(form: HTMLFormElement, fields: readonly Field[], faults: Record<string, string>): void {
  const first = fields.find((field) => faults[field.key] !== undefined);
  const input = first && form.elements.namedItem(first.key);
  if (input instanceof HTMLElement) input.focus();
}

/** Somebody saved in between: what they changed, and what becomes of what was typed here. */
function Conflict({
  changes,
  onTheirs,
  onMine,
}: {
  changes: { label: string; before: string; after: string }[];
  onTheirs: () => void;
  onMine: () => void;
}) {
  return (
    <div
      role="alert"
      className="flex flex-col gap-3 rounded-card border border-warning bg-warning-soft px-4 py-3 text-sm"
    >
      <p className="font-semibold">Somebody changed this while you were editing. Nothing was saved yet.</p>
      {changes.length > 0 ? (
        <ul className="flex flex-col gap-1">
          {changes.map((change) => (
            <li key={change.label}>
              {change.label}: <s className="text-ink-soft">{change.before}</s> → <strong>{change.after}</strong>
            </li>
          ))}
        </ul>
      ) : (
        <p>What they changed is not on this form.</p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button small onClick={onTheirs}>
          Load theirs, drop mine
        </Button>
        <Button small onClick={onMine}>
          Keep what I typed, and look at it again
        </Button>
      </div>
    </div>
  );
}

function Delete<Row extends Kept>({
  resource,
  record,
  onDeleted,
  onClose,
}: {
  resource: Resource<Row>;
  record: Row;
  onDeleted: () => Promise<void>;
  onClose: () => void;
}) {
  const hint: ReactNode = resource.retires && (
    <p className="text-sm">What others name stays. Take its “active” away instead: it is not offered any more.</p>
  );
  return (
    <Confirm
      title={`Delete ${resource.one} ${resource.nameOf(record)}?`}
      action="Delete"
      danger
      run={async () => {
        await resource.remove?.(record.id);
        await onDeleted();
      }}
      onClose={onClose}
      onError={(error) => (error instanceof Problem && error.status === 409 ? hint : null)}
    >
      <p>It goes for good, here and at every station. Central refuses where something still refers to it.</p>
    </Confirm>
  );
}

/** There is none of that number, or it is another plant's. */
export function NoSuchRecord({ one }: { one: string }) {
  return <Empty>There is no such {one}: perhaps it was deleted.</Empty>;
}
