import { useQuery } from "@tanstack/react-query";
import { CheckField } from "../../parts/field.tsx";
import { Answered } from "../../parts/listing.tsx";
import { plantsQuery } from "./requests.ts";

export interface PlantsGiven {
  all: boolean;
  ids: readonly number[];
}

/** Which plants somebody sees: all, also those to come, or these. */
export function PlantsChoice({ value, onChange }: { value: PlantsGiven; onChange: (value: PlantsGiven) => void }) {
  const plants = useQuery(plantsQuery);
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 font-medium text-sm">Plants</legend>
      <CheckField
        label="All plants, also those to come"
        checked={value.all}
        onChange={(event) => onChange({ all: event.target.checked, ids: [] })}
      />
      {!value.all && (
        <Answered query={plants} rows={2}>
          {(data) => (
            <div className="ml-6 flex max-h-60 flex-col overflow-auto">
              {data.plants.map((plant) => (
                <CheckField
                  key={plant.id}
                  label={plant.title ? `${plant.title} (${plant.name})` : plant.name}
                  checked={value.ids.includes(plant.id)}
                  onChange={(event) =>
                    onChange({
                      all: false,
                      ids: event.target.checked
                        ? [...value.ids, plant.id]
                        : value.ids.filter((one) => one !== plant.id),
                    })
                  }
                />
              ))}
              {value.ids.length === 0 && <p className="text-warning text-sm">None is chosen: nothing can be seen.</p>}
            </div>
          )}
        </Answered>
      )}
    </fieldset>
  );
}

/** The same in words, for a table. */
export function PlantsSeen({ all, ids }: { all: boolean; ids: readonly number[] }) {
  const plants = useQuery({ ...plantsQuery, enabled: !all && ids.length > 0 });
  if (all) return "all";
  if (ids.length === 0) return <span className="text-warning">none</span>;
  return ids.map((id) => plants.data?.plants.find((plant) => plant.id === id)?.name ?? `plant ${id}`).join(", ");
}
