import { useCallback, useSyncExternalStore } from "react";
import { useAsTimePasses } from "screens";
import type { BoardMachine } from "../api/types.ts";
import type { Machines } from "./board.ts";
import { type FeedState, feed, SILENT_AFTER_MS } from "./feed.ts";

/** All machines. Renders again with every change of any of them: for lists and sums, not for one machine. */
export const useMachines = (): Machines => useSyncExternalStore(feed.subscribe, () => feed.current().machines);

/** One machine. Renders again only when it changed. */
export const useMachine = (id: number): BoardMachine | undefined =>
  useSyncExternalStore(feed.subscribe, () => feed.current().machines.get(id));

export const useBoardLoaded = (): boolean => useSyncExternalStore(feed.subscribe, () => feed.current().loaded);

export const useConnection = (): FeedState["connection"] =>
  useSyncExternalStore(feed.subscribe, () => feed.current().connection);

/** Since when what is shown is old, as this computer's time in milliseconds; null while it is live. */
export const useStaleSince = (): number | null => useAsTimePasses(staleSince);

function staleSince(): number | null {
  const { heard_at_ms } = feed.current();
  return heard_at_ms !== null && Date.now() - heard_at_ms > SILENT_AFTER_MS ? heard_at_ms : null;
}

/** A machine of whom nothing was heard for so long is shown as old, whatever it last said. */
export const REPORT_OLD_AFTER_MS = 60_000;

/** Since when nothing was heard of a machine; null while its picture is fresh or there never was one. */
export function useReportOldSince(reported_at: string | null): string | null {
  const old = useAsTimePasses(
    useCallback((now) => reported_at !== null && now - Date.parse(reported_at) > REPORT_OLD_AFTER_MS, [reported_at]),
  );
  return old ? reported_at : null;
}
