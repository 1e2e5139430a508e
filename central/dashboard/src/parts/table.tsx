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
  /**
   * What it is on a phone, where a row is a card. Unless said, the first one is its heading, one without a title in words
   * is what can be done, and all others are values beside their titles.
   */
  card?: keyof typeof CELL;
  className?: string;
}

/**
 * Rows under a head that stays in view. On a phone each is a card, so that nothing has to be scrolled sideways; a wider
 * table scrolls sideways inside itself: the page never does.
 */
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
      className="relative overflow-x-auto rounded-card border border-line bg-surface max-sm:overflow-visible max-sm:border-0 max-sm:bg-transparent"
      aria-label={caption}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it can be scrolled by keys
      tabIndex={0}
    >
      <table className="w-full border-collapse text-sm max-sm:block">
        <caption className="sr-only">{caption}</caption>
        <thead className="border-line border-b text-ink-soft max-sm:sr-only">
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
        <tbody className="divide-y divide-line max-sm:block max-sm:divide-y-0">
          {rows.map((row) => {
            const more = below?.(row);
            const key = rowKey(row);
            return [
              <tr key={key} className={`hover:bg-trough/50 ${CARD} ${more ? "max-sm:rounded-b-none" : ""}`}>
                {columns.map((column, index) => (
                  <td
                    key={column.key}
                    data-title={typeof column.title === "string" ? column.title : undefined}
                    className={`px-3 py-2 align-top max-sm:p-0 ${cellClass(column)} ${cardClass(column, index)}`}
                  >
                    {column.cell(row)}
                  </td>
                ))}
              </tr>,
              more ? (
                <tr key={`${key} below`} className="max-sm:block">
                  <td
                    colSpan={columns.length}
                    className="bg-canvas px-3 py-3 max-sm:block max-sm:rounded-b-card max-sm:border max-sm:border-line max-sm:border-t-0"
                  >
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

const CARD =
  "max-sm:mt-2 max-sm:flex max-sm:flex-col max-sm:gap-1 max-sm:rounded-card max-sm:border max-sm:border-line max-sm:bg-surface max-sm:px-3 max-sm:py-2.5";

const CELL = {
  value:
    "max-sm:flex max-sm:w-full max-sm:min-w-0 max-sm:items-baseline max-sm:justify-between max-sm:gap-4 max-sm:text-right max-sm:empty:hidden max-sm:before:shrink-0 max-sm:before:text-ink-soft max-sm:before:content-[attr(data-title)]",
  heading: "max-sm:block max-sm:w-full max-sm:text-base",
  line: "max-sm:block max-sm:w-full",
  // As large as a thumb.
  action:
    "max-sm:block max-sm:w-full max-sm:pt-1.5 max-sm:empty:hidden max-sm:[&_button]:min-h-11 max-sm:[&_button]:w-full max-sm:[&_button]:border max-sm:[&_button]:border-edge",
} as const;

function cardClass<Row>(column: Column<Row>, index: number): string {
  if (column.wideOnly) return "";
  return CELL[column.card ?? (index === 0 ? "heading" : typeof column.title === "string" ? "value" : "action")];
}

function cellClass<Row>(column: Column<Row>): string {
  return `${column.number ? "text-right" : "text-left"} ${column.wideOnly ? "max-md:hidden" : ""} ${column.className ?? ""}`;
}
