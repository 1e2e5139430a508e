import { useId, useState } from "react";
import { ForeignName } from "screens";
import type { Reason } from "../api/types.ts";
import { TextField } from "../parts/field.tsx";
import { Empty } from "../parts/notices.tsx";
import { isTouched } from "../parts/screen.ts";
import { reasonGroups } from "./words.ts";

/** All reasons at a glance; typing narrows them down, arrow keys walk through them. */
export function ReasonPicker({
  reasons,
  chosen,
  onChoose,
}: {
  reasons: readonly Reason[];
  chosen: string | null;
  onChoose: (code: string) => void;
}) {
  const name = useId();
  const [wanted, setWanted] = useState("");
  if (reasons.length === 0) {
    return (
      <Empty>
        <p className="font-semibold text-ink">This plant has no reasons for stops yet.</p>
        <p className="mt-1">A manager adds them under master data. Until then a note can be left.</p>
      </Empty>
    );
  }
  const groups = reasonGroups(reasons, wanted);
  return (
    <div className="flex flex-col gap-3">
      <TextField
        label="Find a reason"
        type="search"
        value={wanted}
        autoFocus={!isTouched()}
        onChange={(event) => setWanted(event.target.value)}
        onKeyDown={(event) => {
          const only = groups.flatMap((group) => group.reasons);
          const [first] = only;
          if (event.key !== "Enter" || only.length !== 1 || !first || chosen === first.code) return;
          event.preventDefault();
          onChoose(first.code);
        }}
        hint="When one is left, Enter chooses it and Enter again saves."
      />
      {groups.map((group) => (
        <fieldset key={group.title}>
          <legend className="mb-1.5 font-medium text-sm">{group.title}</legend>
          <div className="grid grid-cols-[repeat(auto-fill,minmax(11rem,1fr))] gap-2">
            {group.reasons.map((reason) => (
              <label
                key={reason.code}
                className="flex min-h-12 cursor-pointer items-center gap-2.5 rounded-control border border-edge bg-surface px-3 py-1.5 hover:bg-trough has-checked:border-accent has-checked:ring-2 has-checked:ring-accent has-focus-visible:outline-2 has-focus-visible:outline-accent has-focus-visible:outline-offset-2"
              >
                <input
                  type="radio"
                  name={name}
                  value={reason.code}
                  checked={chosen === reason.code}
                  onChange={() => onChoose(reason.code)}
                  className="size-4 accent-accent"
                />
                <span className="min-w-0">
                  <ForeignName max={60}>{reason.title || reason.code}</ForeignName>
                  {reason.title && <span className="block truncate text-ink-soft text-xs">{reason.code}</span>}
                </span>
              </label>
            ))}
          </div>
        </fieldset>
      ))}
      {groups.length === 0 && <p className="text-ink-soft">No reason has these words.</p>}
    </div>
  );
}
