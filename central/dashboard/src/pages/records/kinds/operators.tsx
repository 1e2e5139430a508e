import { ForeignText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { csvBody, listQuery, type Resource } from "../resource.ts";
import { activeColumn } from "./cells.tsx";
import { CODE } from "./patterns.ts";

export const OPERATORS: Resource<Schema<"Operator">> = {
  kind: "operators",
  title: "Operators",
  one: "operator",
  about: "Who logs on at stations, by badge or by number and PIN.",
  nameOf: (row) => row.number,
  retires: true,
  columns: [
    { key: "name", title: "Name", className: "w-full", cell: (row) => <ForeignText max={80}>{row.name}</ForeignText> },
    {
      key: "logs on",
      title: "Logs on by",
      cell: (row) => {
        const ways = [row.has_badge && "badge", row.has_pin && "PIN"].filter(Boolean);
        return ways.length > 0 ? (
          <span className="whitespace-nowrap">{ways.join(", ")}</span>
        ) : (
          <span className="text-warning">nothing yet</span>
        );
      },
    },
    activeColumn("left"),
  ],
  fields: [
    { kind: "text", key: "number", label: "Personnel number", required: true, stays: true, ...CODE },
    { kind: "text", key: "name", label: "Name", required: true, max: 200 },
    {
      kind: "secret",
      key: "badge",
      label: "Badge",
      noun: "badge",
      hint: "What the scanner reads: scan it here. Only a hash is kept.",
      has: "has_badge",
      min: 4,
      max: 128,
      expected: "4 to 128 characters.",
    },
    {
      kind: "secret",
      key: "pin",
      label: "PIN",
      noun: "PIN",
      hint: "4 to 12 digits that are not the first anybody would try. Only a hash is kept.",
      has: "has_pin",
      min: 4,
      max: 12,
      pattern: /^[0-9]+$/,
      expected: "4 to 12 digits.",
      digits: true,
    },
    { kind: "flag", key: "active", label: "Active", words: "Active: can log on at stations" },
  ],
  list: async (filter, cursor, signal) => {
    const found = await answer(api.GET("/operators", { params: { query: listQuery(filter, cursor) }, signal }));
    return { rows: found.operators, next: found.next };
  },
  get: (operator) => answer(api.GET("/operators/{operator}", { params: { path: { operator } } })),
  create: (plant, values) =>
    answer(
      api.POST("/operators", {
        body: {
          plant,
          number: values.text("number"),
          name: values.text("name"),
          badge: values.optionalText("badge"),
          pin: values.optionalText("pin"),
          active: values.flag("active"),
        },
      }),
    ),
  replace: (operator, version, values) =>
    answer(
      api.PUT("/operators/{operator}", {
        params: { path: { operator } },
        body: {
          version,
          name: values.text("name"),
          active: values.flag("active"),
          ...values.secret("badge"),
          ...values.secret("pin"),
        },
      }),
    ),
  remove: (operator) => answer(api.DELETE("/operators/{operator}", { params: { path: { operator } } })),
  csv: {
    example: "number,name,badge,pin,active\n1042,Ada Example,0012345678,8361,true",
    hint: "An empty badge or PIN leaves the one that is there.",
    send: (plant, text, dry_run) =>
      answer(api.POST("/operators/import", { params: { query: { plant, dry_run } }, ...csvBody(text) })),
  },
};
