import { numberText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { plainListQuery, type Resource } from "../resource.ts";
import { titleColumn } from "./cells.tsx";
import { NAME, TITLE } from "./patterns.ts";

export const LINES: Resource<Schema<"Line">> = {
  kind: "lines",
  title: "Lines",
  one: "line",
  about: "Machines that work together. The board groups machines by line, and alerts can differ by line.",
  nameOf: (row) => row.name,
  retires: false,
  columns: [
    titleColumn(),
    { key: "machines", title: "Machines", number: true, cell: (row) => numberText(row.machines) },
  ],
  fields: [
    { kind: "text", key: "name", label: "Name", required: true, stays: true, ...NAME },
    { kind: "text", key: "title", label: "Title", hint: "What people call it.", ...TITLE },
  ],
  list: async (filter, cursor, signal) => {
    const found = await answer(api.GET("/lines", { params: { query: plainListQuery(filter, cursor) }, signal }));
    return { rows: found.lines, next: found.next };
  },
  get: (line) => answer(api.GET("/lines/{line}", { params: { path: { line } } })),
  create: (plant, values) =>
    answer(api.POST("/lines", { body: { plant, name: values.text("name"), title: values.text("title") } })),
  replace: (line, version, values) =>
    answer(api.PUT("/lines/{line}", { params: { path: { line } }, body: { version, title: values.text("title") } })),
  remove: (line) => answer(api.DELETE("/lines/{line}", { params: { path: { line } } })),
};
