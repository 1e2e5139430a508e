/** Which shift it is at a plant, from the calendar that people keep under master data. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { serverNow } from "screens/clock.ts";
import { answer, api } from "../api/client.ts";
import { presentShift, type Shift } from "./present-shift.ts";

const ASKED_AGAIN_MS = 60_000;

const shiftQuery = (plant: string | undefined) =>
  queryOptions({
    queryKey: ["master_data", "shifts", "present", plant],
    queryFn: async ({ signal }): Promise<Shift | null> => {
      const now_ms = serverNow();
      const query = { plant: plant ?? "", to: new Date(now_ms).toISOString() };
      const { shifts } = await answer(api.GET("/shifts", { params: { query }, signal }));
      return presentShift(shifts, now_ms);
    },
    enabled: plant !== undefined,
    refetchInterval: ASKED_AGAIN_MS,
  });

/** Null when there is none, or no one plant; undefined until it is known. */
export function usePresentShift(plant: string | undefined): Shift | null | undefined {
  const { data, isError } = useQuery(shiftQuery(plant));
  return plant === undefined || (isError && data === undefined) ? null : data;
}
