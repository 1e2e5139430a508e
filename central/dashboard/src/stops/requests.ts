import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { setServerTime } from "screens/clock.ts";
import { answer, api, mayPass } from "../api/client.ts";
import type { Stop } from "../api/types.ts";
import { type Range, spanOf } from "../time/range.ts";

export interface StopFilter {
  machine?: number | undefined;
  plant?: string | undefined;
  line?: string | undefined;
  range: Pick<Range, "from_ms" | "to_ms" | "live">;
  unexplained?: boolean | undefined;
  micro?: boolean | undefined;
}

/** Stops newest first, page after page, with everything that was said of each. */
export const stopsQuery = (filter: StopFilter) =>
  infiniteQueryOptions({
    // A live range keeps its key while it moves on.
    queryKey: ["stops", { ...filter, range: spanOf(filter.range) }],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const query = {
        ...spanOf(filter.range),
        ...(filter.unexplained && { unexplained: true }),
        ...(filter.micro && { micro: true }),
        history: true,
        ...(pageParam !== undefined && { cursor: pageParam }),
      };
      const { machine, plant, line } = filter;
      const found =
        machine !== undefined
          ? await answer(api.GET("/machines/{machine}/stops", { params: { path: { machine }, query }, signal }))
          : await answer(
              api.GET("/stops", {
                params: {
                  query: { ...query, ...(plant !== undefined && { plant }), ...(line !== undefined && { line }) },
                },
                signal,
              }),
            );
      setServerTime(found.at);
      return found;
    },
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: (before) => before,
  });

/** What stops of a plant are explained by. */
export const reasonsQuery = (plant: string) =>
  queryOptions({
    queryKey: ["master_data", "reasons", plant],
    queryFn: async ({ signal }) => {
      const { reasons } = await answer(
        api.GET("/reasons", { params: { query: { plant, active: true, limit: 1000 } }, signal }),
      );
      return reasons.filter((reason) => reason.applies_to === "downtime");
    },
    staleTime: 60_000,
  });

export type Correction =
  | { reason: string; why: string | undefined }
  | { note: string }
  /** From this moment on it is another stop. */
  | { from: string };

/**
 * Says something of a stop. The key is made once for each thing that is said: sent again after a lost answer, it is
 * stored once.
 */
export function useCorrection(stop: Stop) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ id, ...said }: Correction & { id: string }) => {
      const path = { machine: stop.machine_id, agent_id: stop.agent_id, stop: stop.stop };
      const began = { id, began_at: stop.root_began_at };
      if ("reason" in said) {
        const body = { ...began, reason: said.reason, ...(said.why !== undefined && { why: said.why }) };
        return answer(api.POST("/machines/{machine}/stops/{agent_id}/{stop}/reason", { params: { path }, body }));
      }
      if ("note" in said) {
        const body = { ...began, note: said.note };
        return answer(api.POST("/machines/{machine}/stops/{agent_id}/{stop}/note", { params: { path }, body }));
      }
      const body = { ...began, from: said.from };
      return answer(api.POST("/machines/{machine}/stops/{agent_id}/{stop}/split", { params: { path }, body }));
    },
    retry: (failures, error) => failures < 2 && mayPass(error),
    onSettled: () => queries.invalidateQueries({ queryKey: ["stops"] }),
  });
}

/** What a stop is called on the page: unique among all that are shown. */
export const stopKey = (stop: Stop): string => `${stop.machine_id} ${stop.agent_id} ${stop.root_began_at} ${stop.stop}`;
