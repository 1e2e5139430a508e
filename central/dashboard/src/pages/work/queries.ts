/** What is asked about work. Keys begin with `work`: a change asks again; a slow question finds what no event told. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { setServerTime } from "screens/clock.ts";
import { answer, api } from "../../api/client.ts";

const AGAIN_MS = 10_000;
const onlyOf = (plant: string | undefined) => (plant === undefined ? {} : { plant });
const after = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const queuesQuery = queryOptions({
  queryKey: ["work", "queues"],
  queryFn: async ({ signal }) => {
    const found = await answer(api.GET("/work/queues", { signal }));
    setServerTime(found.at);
    return found;
  },
  refetchInterval: AGAIN_MS,
});

export const deadLettersQuery = (plant: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["work", "dead letters", plant],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const query = { limit: 50, ...onlyOf(plant), ...after(pageParam) };
      const found = await answer(api.GET("/work/dead-letters", { params: { query }, signal }));
      setServerTime(found.at);
      return found;
    },
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
  });

export const deadLetterQuery = (letter: number) =>
  queryOptions({
    queryKey: ["work", "dead letter", letter],
    queryFn: ({ signal }) => answer(api.GET("/work/dead-letters/{letter}", { params: { path: { letter } }, signal })),
  });

export const incidentsQuery = (plant: string | undefined, state: "open" | "resolved") =>
  infiniteQueryOptions({
    queryKey: ["work", "incidents", plant, state],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) => {
      const query = { state, limit: 50, ...onlyOf(plant), ...after(pageParam) };
      const found = await answer(api.GET("/incidents", { params: { query }, signal }));
      setServerTime(found.at);
      return found;
    },
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: AGAIN_MS,
    placeholderData: keepPreviousData,
  });

/** Of one incident, or only one delivery, or all. */
export interface Which {
  plant: string | undefined;
  incident: number | undefined;
  delivery: string | undefined;
}

export const deliveriesQuery = ({ plant, incident, delivery }: Which) =>
  infiniteQueryOptions({
    queryKey: ["work", "deliveries", plant, incident, delivery],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const only = { ...(incident !== undefined && { incident }), ...(delivery !== undefined && { delivery }) };
      const query = { limit: 50, ...onlyOf(plant), ...only, ...after(pageParam) };
      return answer(api.GET("/alerts/deliveries", { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: AGAIN_MS,
  });

export const rulesQuery = (plant: string) =>
  queryOptions({
    queryKey: ["work", "rules", plant],
    queryFn: ({ signal }) => answer(api.GET("/alerts/rules", { params: { query: { plant } }, signal })),
    enabled: plant !== "",
  });

export const channelsQuery = (plant: string) =>
  infiniteQueryOptions({
    queryKey: ["work", "channels", plant],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/alerts/channels", { params: { query: { plant, ...after(pageParam) } }, signal })),
    getNextPageParam: (page) => page.next ?? undefined,
    enabled: plant !== "",
  });
