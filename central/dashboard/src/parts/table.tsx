import type { ReactNode } from "react";
import { Empty } from "./notices.tsx";

export interface Column<Row> {
  key: string;
  title: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Numbers stand right, so that their digits stand under each other. */
  number?: boolean;
  /** Not on a phone. */
  wideOnly?: boolean;
  className?: string;
}

/** Rows under a head that stays in view. It scrolls sideways inside itself: the page never does. */
export function Table<Row>({
  caption,
  columns,
  rows,
  rowKey,
  empty,
  below,
}: {
  /** What it lists, for those who do not see it. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string | number;
  /** Said when there is no row: why, and what to do. */
  empty: ReactNode;
  /** More of a row, under it, across all columns. */
  below?: (row: Row) => ReactNode;
}) {
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    // A part that scrolls is reached by the keyboard too.
    <section
      className="relative overflow-x-auto rounded-card border border-line bg-surface"
      aria-label={caption}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it can be scrolled by keys
      tabIndex={0}
    >
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead className="border-line border-b text-ink-soft">
          <tr>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={`whitespace-nowrap px-3 py-2 font-medium ${cellClass(column)}`}
              >
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((row) => {
            const more = below?.(row);
            const key = rowKey(row);
            return [
              <tr key={key} className="hover:bg-trough/50">
                {columns.map((column) => (
                  <td key={column.key} className={`px-3 py-2 align-top ${cellClass(column)}`}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>,
              more ? (
                <tr key={`${key} below`}>
                  <td colSpan={columns.length} className="bg-canvas px-3 py-3">
                    {more}
                  </td>
                </tr>
              ) : null,
            ];
          })}
        </tbody>
      </table>
    </section>
  );
}

function cellClass<Row>(column: Column<Row>): string {
  return `${column.number ? "text-right" : "text-left"} ${column.wideOnly ? "max-md:hidden" : ""} ${column.className ?? ""}`;
}
