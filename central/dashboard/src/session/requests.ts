/** What is said to `/session`, `/setup` and `/password`. */
import { Problem, problemFrom, UNREACHABLE } from "../api/problem.ts";

async function send(method: string, path: string, body?: object): Promise<void> {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: { accept: "application/json", ...(body && { "content-type": "application/json" }) },
    body: body ? JSON.stringify(body) : null,
  }).catch(() => {
    throw UNREACHABLE;
  });
  if (response.ok) return;
  const problem = problemFrom(response.status, await response.json().catch(() => null));
  const wait = response.headers.get("retry-after");
  throw wait ? new Problem(problem.status, problem.title, `${problem.detail} (in ${wait} s)`) : problem;
}

export const logIn = (name: string, password: string) => send("POST", "/session", { name, password });
export const logOut = () => send("DELETE", "/session");
export const changePassword = (current: string, wanted: string) =>
  send("PUT", "/session/password", { current, new: wanted });
export const setUp = (code: string, name: string, password: string) => send("POST", "/setup", { code, name, password });

/** Whether the first administrator is still to be made. */
export async function setupNeeded(): Promise<boolean> {
  const response = await fetch("/api/v1/setup", { headers: { accept: "application/json" } }).catch(() => {
    throw UNREACHABLE;
  });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemFrom(response.status, body);
  return typeof body === "object" && body !== null && "needed" in body && body.needed === true;
}
