/** A kind of record that people maintain, described for the table, the form and the import that all of them share. */
import type { ReactNode } from "react";
import type { Schema } from "../../api/types.ts";
import type { Column } from "../../parts/table.tsx";
import type { Field, Values } from "./form/fields.ts";

/** What all records have. */
export interface Kept {
  id: number;
  /** What a replacement names: made from an older one, it is refused. */
  version: number;
  plant?: string;
  active?: boolean;
}

export interface Filter {
  plant: string | undefined;
  text: string | undefined;
  active: boolean | undefined;
}

export interface Listing<Row> {
  rows: Row[];
  next?: string | null | undefined;
}

export interface Resource<Row extends Kept> {
  /** In addresses and in keys of queries. */
  kind: string;
  /** `Work orders`, `work order`. */
  title: string;
  one: string;
  /** What it is for, when there is none. */
  about: string;
  /** What people call a record. */
  nameOf: (row: Row) => string;
  columns: readonly Column<Row>[];
  fields: readonly Field[];
  /** Whether records are retired and not deleted once facts name them. */
  retires: boolean;
  list: (filter: Filter, cursor: string | undefined, signal: AbortSignal) => Promise<Listing<Row>>;
  get: (id: number) => Promise<Row>;
  create?: (plant: string, values: Values) => Promise<Row>;
  replace: (id: number, version: number, values: Values) => Promise<Row>;
  remove?: (id: number) => Promise<unknown>;
  csv?: Csv;
  /** More of a record, under its form. */
  more?: (row: Row) => ReactNode;
  /** Where none can be made by hand: where they come from. */
  origin?: string;
}

export interface Csv {
  /** The first line, and one like those that follow. */
  example: string;
  hint?: string;
  send: (plant: string, text: string, dry_run: boolean) => Promise<Schema<"Imported">>;
}

/** What every list is asked with. */
export const listQuery = ({ plant, text, active }: Filter, cursor: string | undefined) => ({
  limit: 100,
  ...(plant !== undefined && { plant }),
  ...(text !== undefined && { q: text }),
  ...(active !== undefined && { active }),
  ...(cursor !== undefined && { cursor }),
});

/** The same of what is never retired. */
export const plainListQuery = (filter: Filter, cursor: string | undefined) =>
  listQuery({ ...filter, active: undefined }, cursor) as Omit<ReturnType<typeof listQuery>, "active">;

/** How a body of CSV is sent: as it is. */
export const csvBody = (text: string) => ({
  body: text,
  bodySerializer: (body: string) => body,
  headers: { "content-type": "text/csv" },
});
