import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { Badge } from "../../../parts/notices.tsx";
import type { Values } from "../form/fields.ts";
import { listQuery, type Resource } from "../resource.ts";
import { activeColumn, titleColumn } from "./cells.tsx";
import { CODE, TITLE } from "./patterns.ts";

type AppliesTo = Schema<"AppliesTo">;

const body = (values: Values) => ({
  title: values.text("title"),
  applies_to: values.text("applies_to") as AppliesTo,
  planned: values.flag("planned"),
  active: values.flag("active"),
});

export const REASONS: Resource<Schema<"Reason">> = {
  kind: "reasons",
  title: "Reasons",
  one: "reason",
  about: "Why machines stand still and why pieces are scrap: what operators choose from.",
  nameOf: (row) => row.code,
  retires: true,
  columns: [
    titleColumn(),
    {
      key: "applies",
      title: "Explains",
      cell: (row) => (
        <span className="flex items-center gap-2 whitespace-nowrap">
          {row.applies_to === "downtime" ? "stops" : "pieces"}
          {row.planned && <Badge>planned</Badge>}
        </span>
      ),
    },
    activeColumn("retired"),
  ],
  fields: [
    { kind: "text", key: "code", label: "Code", required: true, stays: true, ...CODE },
    { kind: "text", key: "title", label: "Title", hint: "What operators read on the button.", ...TITLE },
    {
      kind: "choice",
      key: "applies_to",
      label: "Explains",
      options: [
        { value: "downtime", label: "Stops" },
        { value: "pieces", label: "Scrap and rework" },
      ],
    },
    {
      kind: "flag",
      key: "planned",
      label: "Planned",
      words: "Planned: a stop for this reason does not count against availability",
    },
    { kind: "flag", key: "active", label: "Active", words: "Active: stations offer it" },
  ],
  list: async (filter, cursor, signal) => {
    const found = await answer(api.GET("/reasons", { params: { query: listQuery(filter, cursor) }, signal }));
    return { rows: found.reasons, next: found.next };
  },
  get: (reason) => answer(api.GET("/reasons/{reason}", { params: { path: { reason } } })),
  create: (plant, values) =>
    answer(api.POST("/reasons", { body: { plant, code: values.text("code"), ...body(values) } })),
  replace: (reason, version, values) =>
    answer(api.PUT("/reasons/{reason}", { params: { path: { reason } }, body: { version, ...body(values) } })),
  remove: (reason) => answer(api.DELETE("/reasons/{reason}", { params: { path: { reason } } })),
};
