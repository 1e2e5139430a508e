/** What can be asked before the code of the page is there. */

import { isScreen, screenHeaders } from "./screen-token.ts";

/** Where it is kept: other tabs hear of it. */
export const LOGGED_ON = "logged-on";

/** Whether somebody was logged on here when this browser last looked. Only a hint: the server decides. */
export const wasLoggedOn = (): boolean => isScreen() || localStorage.getItem(LOGGED_ON) !== null;

export function rememberLoggedOn(logged_on: boolean): void {
  if (isScreen()) return;
  if (logged_on) localStorage.setItem(LOGGED_ON, "");
  else localStorage.removeItem(LOGGED_ON);
}

let early: Promise<Response> | undefined;

export function requestSessionEarly(): void {
  early = fetch("/api/v1/session", { headers: { accept: "application/json", ...screenHeaders() } });
  early.catch(() => undefined);
}

/** The early answer, once. */
export function takeEarlySession(): Promise<Response> | undefined {
  const taken = early;
  early = undefined;
  return taken;
}
