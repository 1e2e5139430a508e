/** How this page reaches the agent that served it. */

import type { Refusal, Stored, View } from "../api";
import type { Answer } from "./outbox";

const TIMEOUT_MS = 10_000;
/** The agent says something every 5 s. */
const SILENCE_MS = 12_000;
const RECONNECT_MS = 2_000;

export async function post(path: string, body: unknown): Promise<Answer> {
  try {
    const response = await fetch(`/api/station/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return understood(response.status, await response.json().catch(() => null));
  } catch {
    return { is: "not_stored", why: null };
  }
}

/**
 * What an answer says. A refusal in the agent's own words is final, whatever its status: a PIN that is locked, sent again,
 * would stay locked, and hold up what was entered after it. Whatever else is between here and the agent may pass.
 */
export function understood(status: number, answer: unknown): Answer {
  if (status >= 200 && status < 300 && answer) return { is: "stored", stored: answer as Stored };
  const refusal = answer as Partial<Refusal> | null;
  if (refusal?.code && refusal.code !== "not_stored") return { is: "refused", refusal: refusal as Refusal };
  const mayPass = refusal?.code === "not_stored" || status < 400 || status >= 500 || [408, 425, 429].includes(status);
  if (!mayPass) return { is: "refused", refusal: { code: "invalid", detail: `${status}` } };
  return { is: "not_stored", why: refusal?.detail ?? null };
}

/** The program of a page, by the name that every build gives it anew. */
export const programOf = (page: string): string | null =>
  /<script type="module"[^>]*\ssrc="([^"]+)"/.exec(page)?.[1] ?? null;

/** The program of the page that the agent serves at this time; null when it cannot be told. */
export async function servedProgram(): Promise<string | null> {
  try {
    const response = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? programOf(await response.text()) : null;
  } catch {
    return null;
  }
}

export interface Listener {
  view(view: View): void;
  /** Anything at all, also a heartbeat. */
  heard(): void;
  lost(): void;
}

/** Follows the agent's view for as long as the page is open, through restarts of the agent. Returns how to stop. */
export function follow(listener: Listener): () => void {
  let source: EventSource | null = null;
  let watchdog = 0;
  let reconnect = 0;

  const heard = () => {
    listener.heard();
    clearTimeout(watchdog);
    watchdog = window.setTimeout(lost, SILENCE_MS);
  };
  const lost = () => {
    source?.close();
    clearTimeout(watchdog);
    clearTimeout(reconnect);
    listener.lost();
    reconnect = window.setTimeout(open, RECONNECT_MS);
  };
  const open = () => {
    source?.close();
    clearTimeout(reconnect);
    source = new EventSource("/api/station/live");
    source.addEventListener("view", (event) => {
      heard();
      listener.view(JSON.parse((event as MessageEvent<string>).data) as View);
    });
    source.addEventListener("heartbeat", heard);
    source.addEventListener("open", heard);
    source.addEventListener("error", lost);
    clearTimeout(watchdog);
    watchdog = window.setTimeout(lost, SILENCE_MS);
  };
  // The computer's network went or came: whether that is the way to the agent shows at once, not after a silence.
  window.addEventListener("offline", open);
  window.addEventListener("online", open);
  open();
  return () => {
    window.removeEventListener("offline", open);
    window.removeEventListener("online", open);
    source?.close();
    clearTimeout(watchdog);
    clearTimeout(reconnect);
  };
}

/** A version 4 UUID. `crypto.randomUUID` exists only on pages served over HTTPS, this works on a tablet in the plant too. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
