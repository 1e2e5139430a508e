import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { SelectField } from "../../../parts/field.tsx";
import { Empty } from "../../../parts/notices.tsx";
import { PlantOptions } from "../../../session/plants.tsx";
import { useMay, useSession } from "../../../session/session.ts";
import { Channels } from "./channels.tsx";
import { Rules } from "./rules.tsx";

/** What counts as an incident in a plant and its lines, and who is told. */
export function AlertsView() {
  const search = useSearch({ from: "/shell/work" });
  const { plants } = useSession();
  const may = useMay("master_data:write");
  const [chosen, setChosen] = useState(plants[0]?.name ?? "");
  const plant = search.plant ?? chosen;
  if (plants.length === 0) return <Empty>There is no plant yet.</Empty>;
  return (
    <div className="flex flex-col gap-8">
      {search.plant === undefined && plants.length > 1 && (
        <div className="max-w-xs">
          <SelectField label="Plant" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <PlantOptions />
          </SelectField>
        </div>
      )}
      {!may && <p className="text-ink-soft text-sm">You can read these; managers and administrators change them.</p>}
      <Rules key={`rules ${plant}`} plant={plant} />
      <Channels key={`channels ${plant}`} plant={plant} />
    </div>
  );
}
