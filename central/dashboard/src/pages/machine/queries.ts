/** What the page of a machine asks. Keys begin with `machine` and its id: what changes on it asks all of them again. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { setServerTime } from "screens/clock.ts";
import { answer, api } from "../../api/client.ts";
import type { Segment } from "../../api/types.ts";
import { type Range, spanOf } from "../../time/range.ts";

/** A live range keeps its key while it moves on. */
const keyOf = (range: Range) => (range.live ? [range.from_ms] : [range.from_ms, range.to_ms]);

const LIVE_AGAIN_MS = 30_000;
const again = (range: Range) => (range.live ? LIVE_AGAIN_MS : (false as const));

/** More than these are not drawn. */
const TIMELINE_PAGES_MAX = 4;

export const timelineQuery = (machine: number, range: Range) =>
  queryOptions({
    queryKey: ["machine", machine, "timeline", ...keyOf(range)],
    queryFn: async ({ signal }) => {
      const segments: Segment[] = [];
      const span = spanOf(range);
      let from = span.from;
      for (let page = 0; page < TIMELINE_PAGES_MAX; page += 1) {
        const query = { ...span, from };
        const found = await answer(
          api.GET("/machines/{machine}/timeline", { params: { path: { machine }, query }, signal }),
        );
        setServerTime(found.at);
        segments.push(...found.segments);
        if (!found.next) return { segments, to_ms: Date.parse(found.to), cut: false };
        from = found.next;
      }
      return { segments, to_ms: Date.parse(from), cut: true };
    },
    refetchInterval: again(range),
    placeholderData: keepPreviousData,
  });

const HOUR_MS = 3_600_000;

/** The grain that gives a few dozen bars. */
export const grainOf = (range: Range): "15min" | "hour" | "day" => {
  const hours = (range.to_ms - range.from_ms) / HOUR_MS;
  return hours <= 4 ? "15min" : hours <= 49 ? "hour" : "day";
};

export const productionQuery = (machine: number, range: Range) =>
  queryOptions({
    queryKey: ["machine", machine, "production", grainOf(range), ...keyOf(range)],
    queryFn: ({ signal }) =>
      answer(
        api.GET("/machines/{machine}/production", {
          params: { path: { machine }, query: { ...spanOf(range), bucket: grainOf(range) } },
          signal,
        }),
      ),
    refetchInterval: again(range),
    placeholderData: keepPreviousData,
  });

export const jobsQuery = (machine: number, range: Range) =>
  queryOptions({
    queryKey: ["machine", machine, "jobs", ...keyOf(range)],
    queryFn: ({ signal }) =>
      answer(api.GET("/machines/{machine}/jobs", { params: { path: { machine }, query: spanOf(range) }, signal })),
    refetchInterval: again(range),
    placeholderData: keepPreviousData,
  });

export const scansQuery = (machine: number, range: Range) =>
  infiniteQueryOptions({
    queryKey: ["machine", machine, "scans", ...keyOf(range)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) =>
      answer(
        api.GET("/machines/{machine}/scans", {
          params: { path: { machine }, query: { ...spanOf(range), ...(cursor !== undefined && { cursor }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const shiftLogQuery = (machine: number, range: Range) =>
  infiniteQueryOptions({
    queryKey: ["machine", machine, "shift-log", ...keyOf(range)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) =>
      answer(
        api.GET("/machines/{machine}/shift-log", {
          params: { path: { machine }, query: { ...spanOf(range), ...(cursor !== undefined && { cursor }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const eventsQuery = (machine: number, range: Range, kind: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ["machine", machine, "events", kind, ...keyOf(range)],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) =>
      answer(
        api.GET("/machines/{machine}/events", {
          params: {
            path: { machine },
            query: { ...spanOf(range), ...(kind !== undefined && { kind }), ...(cursor !== undefined && { cursor }) },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });

/** A machine that the board does not have, or not yet: its name and that it exists. */
export const machineQuery = (machine: number) =>
  queryOptions({
    queryKey: ["machine", machine],
    queryFn: ({ signal }) => answer(api.GET("/machines/{machine}", { params: { path: { machine } }, signal })),
  });
