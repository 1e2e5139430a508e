import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { serverNow } from "screens";
import { answer, api } from "../../../api/client.ts";
import { Button } from "../../../parts/button.tsx";
import { SelectField, TextField } from "../../../parts/field.tsx";
import { CloseIcon } from "../../../parts/icons.tsx";
import { ErrorNotice } from "../../../parts/notices.tsx";
import { SideSheet } from "../../../parts/side-sheet.tsx";
import { toLocalInput } from "../../../time/zone.ts";
import { DAYS, type Day, faultOf, mondayOf, type PatternRow, THREE_SHIFTS, weekText } from "./week.ts";

const WEEKS_MAX = 60;
const MONDAYS = 12;

/** A weekly pattern, and for which weeks. */
export function PlanShifts({ plant, time_zone, onClose }: { plant: string; time_zone: string; onClose: () => void }) {
  const queries = useQueryClient();
  const today = toLocalInput(serverNow(), time_zone).slice(0, 10);
  const [pattern, setPattern] = useState<readonly PatternRow[]>(THREE_SHIFTS);
  const [monday, setMonday] = useState(mondayOf(today));
  const [weeks, setWeeks] = useState("4");
  const [changed, setChanged] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [fault, setFault] = useState<string>();
  const change = (key: number, part: Partial<PatternRow>) => {
    setChanged(true);
    setPattern((rows) => rows.map((row) => (row.key === key ? { ...row, ...part } : row)));
  };
  const add = () => {
    setChanged(true);
    const key = Math.max(0, ...pattern.map((row) => row.key)) + 1;
    setPattern([...pattern, { key, name: "", days: ["saturday"], starts: "06:00", ends: "14:00" }]);
  };
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const wrong = faultOf(pattern);
    setFault(wrong);
    setError(undefined);
    if (wrong !== undefined) return;
    setBusy(true);
    try {
      const rows = pattern.map(({ name, days, starts, ends }) => ({
        name: name.trim(),
        days: [...days],
        starts,
        ends,
      }));
      const body = { plant, first_monday: monday, weeks: Number(weeks), pattern: rows };
      await answer(api.POST("/shifts", { body }));
      setChanged(false);
      await queries.invalidateQueries({ queryKey: ["master_data"] });
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <SideSheet title={`Plan shifts of ${plant}`} unsaved={changed && !busy} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-5">
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField label="From the week of" value={monday} onChange={(event) => setMonday(event.target.value)}>
            {Array.from({ length: MONDAYS }, (_, week) => mondayOf(today, week)).map((day, week) => (
              <option key={day} value={day}>
                {day}
                {week === 0 ? " (this week)" : ""}
              </option>
            ))}
          </SelectField>
          <TextField
            label="For how many weeks"
            type="number"
            min={1}
            max={WEEKS_MAX}
            required
            value={weeks}
            onChange={(event) => setWeeks(event.target.value)}
          />
        </div>
        <ul className="flex flex-col gap-3">
          {pattern.map((row) => (
            <Row
              key={row.key}
              row={row}
              onChange={(part) => change(row.key, part)}
              onRemove={() => {
                setChanged(true);
                setPattern(pattern.filter((one) => one.key !== row.key));
              }}
            />
          ))}
        </ul>
        <div className="flex flex-wrap items-center justify-between gap-3">
          <Button small onClick={add} disabled={pattern.length >= 50}>
            Add a shift
          </Button>
          <p className="text-ink-soft text-sm">
            {weekText(pattern)}, by the plant's clock ({time_zone}).
          </p>
        </div>
        {fault && (
          <p role="alert" className="text-alarm text-sm">
            {fault}
          </p>
        )}
        {error !== undefined && <ErrorNotice error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={busy}>
            Plan these shifts
          </Button>
        </div>
      </form>
    </SideSheet>
  );
}

function Row({
  row,
  onChange,
  onRemove,
}: {
  row: PatternRow;
  onChange: (part: Partial<PatternRow>) => void;
  onRemove: () => void;
}) {
  const toggle = (day: Day, on: boolean) =>
    onChange({ days: DAYS.map((one) => one.day).filter((one) => (one === day ? on : row.days.includes(one))) });
  return (
    <li className="flex flex-col gap-3 rounded-card border border-line bg-surface p-4">
      <div className="grid grid-cols-2 items-end gap-3 sm:grid-cols-[1fr_7rem_7rem_auto]">
        <TextField
          label="Shift"
          value={row.name}
          maxLength={64}
          required
          onChange={(event) => onChange({ name: event.target.value })}
        />
        <Button
          look="quiet"
          aria-label={`Remove ${row.name || "this shift"}`}
          onClick={onRemove}
          className="justify-self-end sm:order-last"
        >
          <CloseIcon />
        </Button>
        <TextField
          label="From"
          type="time"
          value={row.starts}
          required
          onChange={(event) => onChange({ starts: event.target.value })}
        />
        <TextField
          label="To"
          type="time"
          value={row.ends}
          required
          onChange={(event) => onChange({ ends: event.target.value })}
        />
      </div>
      <fieldset className="flex flex-wrap gap-1">
        <legend className="sr-only">Days on which {row.name || "it"} begins</legend>
        {DAYS.map(({ day, short }) => {
          const on = row.days.includes(day);
          return (
            <button
              key={day}
              type="button"
              aria-pressed={on}
              onClick={() => toggle(day, !on)}
              className={`min-h-9 w-12 rounded-control border text-sm ${on ? "border-transparent bg-ink font-medium text-surface" : "border-edge bg-raised hover:bg-trough"}`}
            >
              {short}
            </button>
          );
        })}
      </fieldset>
    </li>
  );
}
