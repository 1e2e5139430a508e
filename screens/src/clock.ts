/**
 * One clock for the whole page, set by the server: a tablet whose own clock is wrong still shows true ages. It ticks
 * once a second, only while somebody watches, and wakes those who watch in one go.
 */

/** Server minus this computer, in milliseconds. */
let offset_ms: number | undefined;
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** A sample is late by what its way took, never early: the largest is the truest, unless a clock was set. */
export function betterOffset(current: number | undefined, sample: number): number {
  const clock_was_set_ms = 5_000;
  if (current === undefined || Math.abs(sample - current) > clock_was_set_ms) return sample;
  return Math.max(sample, current);
}

/** Takes the moment that an answer of the server carries, as soon as it has come. */
export function setServerTime(at: string): void {
  const server = Date.parse(at);
  if (Number.isNaN(server)) return;
  offset_ms = betterOffset(offset_ms, server - Date.now());
}

/** The server's time in milliseconds since 1970, as far as is known. */
export function serverNow(): number {
  return Date.now() + (offset_ms ?? 0);
}

/** Calls `watcher` every second, and at once when a hidden page is shown again. */
export function watchClock(watcher: () => void): () => void {
  watchers.add(watcher);
  if (watchers.size === 1) {
    schedule();
    document.addEventListener("visibilitychange", onVisible);
  }
  return () => {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
  };
}

function schedule(): void {
  timer = setTimeout(tick, 1000 - (serverNow() % 1000));
}

function tick(): void {
  for (const watcher of watchers) watcher();
  schedule();
}

function onVisible(): void {
  if (document.visibilityState !== "visible") return;
  clearTimeout(timer);
  tick();
}
