/** What administrators ask and say about who may do what. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { midnight } from "../../time/zone.ts";

export type User = Schema<"User">;
export type Token = Schema<"Token">;
export type Permission = Schema<"Permission">;

const after = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const usersQuery = infiniteQueryOptions({
  queryKey: ["users"],
  initialPageParam: undefined as string | undefined,
  queryFn: ({ pageParam, signal }) => answer(api.GET("/users", { params: { query: after(pageParam) }, signal })),
  getNextPageParam: (page) => page.next ?? undefined,
});

export const tokensQuery = infiniteQueryOptions({
  queryKey: ["tokens"],
  initialPageParam: undefined as string | undefined,
  queryFn: ({ pageParam, signal }) => answer(api.GET("/tokens", { params: { query: after(pageParam) }, signal })),
  getNextPageParam: (page) => page.next ?? undefined,
});

/** All plants that may be given: the asker's. */
export const plantsQuery = queryOptions({
  queryKey: ["master_data", "plants", "all"],
  queryFn: ({ signal }) => answer(api.GET("/plants", { params: { query: { limit: 1_000 } }, signal })),
  staleTime: 60_000,
});

export interface AuditFilter {
  /** Days of this computer's calendar, both inclusive. */
  from: string | undefined;
  to: string | undefined;
  actor: string | undefined;
  action: string | undefined;
  plant: string | undefined;
}

/** Who did what is of no one plant. */
export const LOCAL_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const dayBegins = (day: string, days = 0): string | undefined => {
  const noon = Date.parse(`${day}T12:00:00`);
  return Number.isNaN(noon) ? undefined : new Date(midnight(noon, LOCAL_ZONE, days)).toISOString();
};

export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const from = filter.from === undefined ? undefined : dayBegins(filter.from);
      const to = filter.to === undefined ? undefined : dayBegins(filter.to, 1);
      const query = {
        limit: 50,
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
        ...(filter.actor !== undefined && { actor: filter.actor }),
        ...(filter.action !== undefined && { action: filter.action }),
        ...(filter.plant !== undefined && { plant: filter.plant }),
        ...after(pageParam),
      };
      return answer(api.GET("/audit", { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });

/** Says what is to change of a user; what is left out stays. */
export const changeUser = (user: number, body: Schema<"ChangeUser">) =>
  answer(api.PATCH("/users/{user}", { params: { path: { user } }, body }));
