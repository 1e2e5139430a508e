import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog, DialogButtons } from "../parts/dialog.tsx";
import { Choice, TextField } from "../parts/field.tsx";
import { RANGE_MAX_MS, RANGE_WORDS, RANGES, type Range, type RangeSearch } from "./range.ts";
import type { ChosenRange } from "./use-range.ts";
import { fromLocalInput, toLocalInput } from "./zone.ts";

/** Chooses the range of the address. "This shift" is offered where the calendar has one. */
export function RangePicker({ range, shift, time_zone }: ChosenRange) {
  const navigate = useNavigate();
  const [choosing, setChoosing] = useState(false);
  const go = (part: RangeSearch) =>
    navigate({ to: ".", search: (before) => ({ ...before, from: undefined, to: undefined, ...part }), replace: true });
  return (
    <>
      <Choice
        label="Time range"
        value={range.name}
        options={RANGES.filter((value) => value !== "shift" || shift).map((value) => ({
          value,
          label: RANGE_WORDS[value],
        }))}
        onChange={(value) => (value === "custom" ? setChoosing(true) : void go({ range: value }))}
      />
      {choosing && (
        <CustomRange
          range={range}
          time_zone={time_zone}
          onClose={() => setChoosing(false)}
          onChoose={(from_ms, to_ms) => {
            setChoosing(false);
            void go({ range: "custom", from: new Date(from_ms).toISOString(), to: new Date(to_ms).toISOString() });
          }}
        />
      )}
    </>
  );
}

function CustomRange({
  range,
  time_zone,
  onClose,
  onChoose,
}: {
  range: Range;
  time_zone: string;
  onClose: () => void;
  onChoose: (from_ms: number, to_ms: number) => void;
}) {
  const [error, setError] = useState<string>();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const from_ms = fromLocalInput(String(form.get("from")), time_zone);
    const to_ms = fromLocalInput(String(form.get("to")), time_zone);
    if (Number.isNaN(from_ms) || Number.isNaN(to_ms)) return setError("Both moments are needed.");
    if (from_ms >= to_ms) return setError("The end comes after the beginning.");
    if (to_ms - from_ms > RANGE_MAX_MS) return setError("At most 31 days can be shown at once.");
    onChoose(from_ms, to_ms);
  };
  return (
    <Dialog title="Time range" onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          name="from"
          type="datetime-local"
          step="1"
          label="From"
          hint={`By the plant's clock (${time_zone}).`}
          defaultValue={toLocalInput(range.from_ms, time_zone)}
          required
        />
        <TextField
          name="to"
          type="datetime-local"
          step="1"
          label="To"
          defaultValue={toLocalInput(range.to_ms, time_zone)}
          required
          error={error}
        />
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit">
            Show
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
