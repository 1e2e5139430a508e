import { decimalText, ForeignText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import type { Values } from "../form/fields.ts";
import { csvBody, listQuery, type Resource } from "../resource.ts";
import { activeColumn, titleColumn } from "./cells.tsx";
import { CODE, TITLE } from "./patterns.ts";

const body = (values: Values) => ({
  title: values.text("title"),
  ideal_cycle_ms: values.number("ideal_cycle_ms"),
  active: values.flag("active"),
});

export const PRODUCTS: Resource<Schema<"Product">> = {
  kind: "products",
  title: "Products",
  one: "product",
  about: "What the plant makes. Work orders name a product; its ideal cycle gives counts a target.",
  nameOf: (row) => row.code,
  retires: true,
  columns: [
    titleColumn(),
    {
      key: "cycle",
      title: "Ideal cycle",
      number: true,
      wideOnly: true,
      cell: (row) =>
        row.ideal_cycle_ms != null ? (
          <span className="whitespace-nowrap">{decimalText(row.ideal_cycle_ms / 1_000)} s</span>
        ) : (
          <ForeignText>–</ForeignText>
        ),
    },
    activeColumn("retired"),
  ],
  fields: [
    {
      kind: "text",
      key: "code",
      label: "Code",
      hint: "As barcodes and orders carry it.",
      required: true,
      stays: true,
      ...CODE,
    },
    { kind: "text", key: "title", label: "Title", hint: "What people call it.", ...TITLE },
    {
      kind: "number",
      key: "ideal_cycle_ms",
      label: "Ideal cycle",
      hint: "Seconds for one piece when nothing is in the way. Empty: unknown, and no target is shown.",
      unit: "s",
      min: 1,
      max: 86_400_000,
      factor: 1_000,
    },
    { kind: "flag", key: "active", label: "Active", words: "Active: new work orders can name it" },
  ],
  list: async (filter, cursor, signal) => {
    const found = await answer(api.GET("/products", { params: { query: listQuery(filter, cursor) }, signal }));
    return { rows: found.products, next: found.next };
  },
  get: (product) => answer(api.GET("/products/{product}", { params: { path: { product } } })),
  create: (plant, values) =>
    answer(api.POST("/products", { body: { plant, code: values.text("code"), ...body(values) } })),
  replace: (product, version, values) =>
    answer(api.PUT("/products/{product}", { params: { path: { product } }, body: { version, ...body(values) } })),
  remove: (product) => answer(api.DELETE("/products/{product}", { params: { path: { product } } })),
  csv: {
    example: "code,title,ideal_cycle_ms,active\nFG-100,Bracket 100 mm,1500,true",
    send: (plant, text, dry_run) =>
      answer(api.POST("/products/import", { params: { query: { plant, dry_run } }, ...csvBody(text) })),
  },
};
