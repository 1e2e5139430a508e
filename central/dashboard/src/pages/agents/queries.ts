/** What is asked about agents. Keys begin with `agents`: a change of any asks again. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { setServerTime } from "screens/clock.ts";
import { answer, api } from "../../api/client.ts";

const AGAIN_MS = 15_000;
const onlyOf = (plant: string | undefined) => (plant === undefined ? {} : { plant });
const after = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const agentsQuery = (plant: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["agents", "list", plant],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...onlyOf(plant), ...after(pageParam) };
      const found = await answer(api.GET("/agents", { params: { query }, signal }));
      setServerTime(found.at);
      return found;
    },
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
  });

export const agentQuery = (agent: string) =>
  queryOptions({
    queryKey: ["agents", "one", agent],
    queryFn: ({ signal }) => answer(api.GET("/agents/{agent}", { params: { path: { agent } }, signal })),
    refetchInterval: AGAIN_MS,
  });

export const gapsQuery = (agent: string) =>
  infiniteQueryOptions({
    queryKey: ["agents", "gaps", agent],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(
        api.GET("/agents/{agent}/gaps", {
          params: { path: { agent }, query: { limit: 20, ...after(pageParam) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const heldQuery = (agent: string, some: boolean) =>
  infiniteQueryOptions({
    enabled: some,
    queryKey: ["agents", "held", agent],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/quarantined-events", { params: { query: { agent, limit: 20, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const rejectedQuery = (agent: string) =>
  queryOptions({
    queryKey: ["agents", "rejected", agent],
    queryFn: ({ signal }) =>
      answer(api.GET("/agents/{agent}/rejected-frames", { params: { path: { agent } }, signal })),
  });

export const divergenceQuery = (agent: string) =>
  queryOptions({
    queryKey: ["agents", "divergence", agent],
    queryFn: ({ signal }) => answer(api.GET("/agents/{agent}/divergence", { params: { path: { agent } }, signal })),
    refetchInterval: AGAIN_MS,
  });

export const invitationsQuery = (plant: string | undefined) =>
  queryOptions({
    queryKey: ["agents", "invitations", plant],
    queryFn: ({ signal }) => answer(api.GET("/agents/invitations", { params: { query: onlyOf(plant) }, signal })),
    refetchInterval: AGAIN_MS,
  });

export const setEnabled = (agent: string, enabled: boolean) => {
  const params = { path: { agent } };
  return answer(
    enabled ? api.POST("/agents/{agent}/enable", { params }) : api.POST("/agents/{agent}/disable", { params }),
  );
};
