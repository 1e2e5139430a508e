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
        <div className="flex flex-col gap-3">
          {children(data.pages.flatMap(rowsOf))}
          <More query={query} />
        </div>
      )}
    </Answered>
  );
}
