import type { Query, QueryClient, QueryFilters } from "@tanstack/react-query";

/** Whose answer is under way and asked for once more after it. */
const awaited = new WeakSet<Query>();

/**
 * Asks again for what may have changed. An answer that is under way may be older than the word that it changed, yet it
 * is let arrive, and asked for again after that: were it abandoned at every word, a slow answer would never arrive.
 */
export function lookAgain(queries: QueryClient, filters: QueryFilters): void {
  for (const query of queries.getQueryCache().findAll({ ...filters, fetchStatus: "fetching" })) {
    if (awaited.has(query)) continue;
    awaited.add(query);
    const again = () => {
      awaited.delete(query);
      void queries.invalidateQueries({ queryKey: query.queryKey, exact: true }, { cancelRefetch: false });
    };
    void (query.promise ?? Promise.resolve()).then(again, again);
  }
  void queries.invalidateQueries({ ...filters, fetchStatus: "idle" });
}
