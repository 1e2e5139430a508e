/** Who is logged on: asked once, kept until it changes, forgotten with the first answer that says so. */
import { queryOptions, useSuspenseQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { Problem, problemFrom, UNREACHABLE } from "../api/problem.ts";
import { rememberLoggedOn, takeEarlySession, wasLoggedOn } from "./early.ts";
import { screenHeaders } from "./screen-token.ts";

export type Role = "operator" | "shift_lead" | "manager" | "administrator";

export type Permission = "read" | "stops:write" | "master_data:write" | "work:write" | "agents:write" | "users:write";

export interface Plant {
  id: number;
  name: string;
  /** IANA name. */
  time_zone: string;
}

export interface Session {
  name: string;
  display_name: string;
  role: Role | null;
  permissions: Permission[];
  plants: Plant[];
}

/** Null when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: requestSession,
  staleTime: Number.POSITIVE_INFINITY,
  gcTime: Number.POSITIVE_INFINITY,
  retry: (failures, error) => failures < 3 && error instanceof Problem && error.status !== 400,
});

/** Null when nobody is logged on. */
export async function requestSession(): Promise<Session | null> {
  // Browsers write every 401 to their console: nobody is asked about who never logged on here.
  if (!wasLoggedOn()) return null;
  const headers = { accept: "application/json", ...screenHeaders() };
  const response = await (takeEarlySession() ?? fetch("/api/v1/session", { headers })).catch(() => {
    throw UNREACHABLE;
  });
  if (response.status === 401) {
    rememberLoggedOn(false);
    return null;
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemFrom(response.status, body);
  rememberLoggedOn(true);
  return body as Session;
}

/** Whether it ended under the open page. */
export const useSessionEnded = (): boolean => useSuspenseQuery(sessionQuery).data === null;

/** The session, inside the shell, where there always is one. When it ended, the last one until the next log-in. */
export function useSession(): Session {
  const { data } = useSuspenseQuery(sessionQuery);
  const last = useRef(data);
  if (data) last.current = data;
  if (!last.current) throw new Problem(401, "Nobody is logged in", "Log in again.");
  return last.current;
}

export const useMay = (permission: Permission): boolean => useSession().permissions.includes(permission);

const ROLES: Record<Role, string> = {
  operator: "Operator",
  shift_lead: "Shift lead",
  manager: "Manager",
  administrator: "Administrator",
};

export const roleWord = (role: Role | null): string => (role ? ROLES[role] : "Program");
