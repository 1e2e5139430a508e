/**
 * Central's API, typed from its document. Every call ends as data or as a `Problem`; an answer that nobody is logged
 * on any more ends the session of the whole page.
 */
import createClient from "openapi-fetch";
import type { paths } from "../api.generated.ts";
import { screenHeaders } from "../session/screen-token.ts";
import { NOT_SAVED, Problem, problemFrom, UNREACHABLE } from "./problem.ts";

export const api = createClient<paths>({ baseUrl: "/api/v1", headers: { accept: "application/json" }, fetch: reach });

async function reach(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch {
    throw request.method === "GET" ? UNREACHABLE : NOT_SAVED;
  }
}

api.use({
  onRequest: ({ request }) => {
    for (const [name, value] of Object.entries(screenHeaders())) request.headers.set(name, value);
  },
});

let onLoggedOut: () => void = () => undefined;

/** Called when the server says that nobody is logged on. */
export function whenLoggedOut(callback: () => void): void {
  onLoggedOut = callback;
}

interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** `await answer(api.GET("/machines"))`: the data, or a `Problem` is thrown. */
export async function answer<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  let outcome: Outcome<Data>;
  try {
    outcome = await call;
  } catch (error) {
    // An answer that was cut off.
    throw error instanceof Problem ? error : UNREACHABLE;
  }
  if (outcome.response.ok) return outcome.data as Data;
  if (outcome.response.status === 401) onLoggedOut();
  throw problemFrom(outcome.response.status, outcome.error);
}

/** Whether asking again may help. */
export const mayPass = (error: unknown): boolean =>
  !(error instanceof Problem) || error.status === 0 || error.status >= 500;
