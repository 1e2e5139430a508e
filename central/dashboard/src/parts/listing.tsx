import type { UseInfiniteQueryResult, UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { More } from "./more.tsx";
import { ErrorNotice, Loading } from "./notices.tsx";

interface Refreshed {
  isRefetchError: boolean;
  error: unknown;
  refetch: () => unknown;
}

/** What is shown could not be asked again: it stays, with whatever somebody has begun in it. */
export function NotRefreshed({ query }: { query: Refreshed }) {
  if (!query.isRefetchError) return null;
  return <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />;
}

/**
 * The answer to another question, while the one to this is on its way: it keeps its place, so that nothing jumps, and is
 * seen to be of before.
 */
export function Kept({ query, children }: { query: { isPlaceholderData: boolean }; children: ReactNode }) {
  const old = query.isPlaceholderData;
  return (
    <div aria-busy={old} className={`flex flex-col gap-3 ${old ? "opacity-40 transition-opacity delay-150" : ""}`}>
      {old && <span role="status" aria-label="Loading" />}
      {children}
    </div>
  );
}

/** What was asked, or that it is on its way, or why it does not come. */
export function Answered<Data>({
  query,
  rows = 4,
  children,
}: {
  query: UseQueryResult<Data>;
  rows?: number;
  children: (data: Data) => ReactNode;
}) {
  if (query.data !== undefined) {
    return (
      <>
        <NotRefreshed query={query} />
        {children(query.data)}
      </>
    );
  }
  if (query.isError) return <ErrorNotice error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading rows={rows} />;
}

/** The same of a list that comes page by page. */
export function Listed<Page, Row>({
  query,
  rowsOf,
  children,
}: {
  query: UseInfiniteQueryResult<{ pages: Page[] }>;
  rowsOf: (page: Page) => readonly Row[];
  children: (rows: Row[]) => ReactNode;
}) {
  return (
    <Answered query={query} rows={8}>
      {(data) => (
        <Kept query={query}>
          {children(data.pages.flatMap(rowsOf))}
          <More query={query} />
        </Kept>
      )}
    </Answered>
  );
}
