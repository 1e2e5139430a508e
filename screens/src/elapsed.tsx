import { useCallback, useSyncExternalStore } from "react";
import { serverNow, watchClock } from "./clock.ts";
import { ageText, durationText } from "./duration.ts";

/** Something that follows from the time. A component renders again only when the answer is another one. */
export function useAsTimePasses<T extends string | number | boolean | null>(answer: (now_ms: number) => T): T {
  return useSyncExternalStore(watchClock, () => answer(serverNow()));
}

/** How long it has been so, ticking: `4 min 12 s`. */
export function Elapsed({ since }: { since: string }) {
  const text = useAsTimePasses(useCallback((now) => durationText(now - Date.parse(since)), [since]));
  return <time dateTime={since}>{text}</time>;
}

/** How old something is, ticking: `3 s ago`. */
export function Age({ of }: { of: string }) {
  const text = useAsTimePasses(useCallback((now) => ageText(now - Date.parse(of)), [of]));
  return <time dateTime={of}>{text}</time>;
}

/** A span that is over. */
export function Duration({ ms }: { ms: number }) {
  return <>{durationText(ms)}</>;
}
