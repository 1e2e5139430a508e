import { useSession } from "./session.ts";

/** The time zone of a plant by its name; unknown for a plant that one does not see. */
export function useZones(): (plant: string | null | undefined) => string | undefined {
  const { plants } = useSession();
  return (name) => plants.find((plant) => plant.name === name)?.time_zone;
}

/** What a select offers of the plants that one sees. */
export function PlantOptions() {
  return useSession().plants.map((plant) => (
    <option key={plant.id} value={plant.name}>
      {plant.name}
    </option>
  ));
}
