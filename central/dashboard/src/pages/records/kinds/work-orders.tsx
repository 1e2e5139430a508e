import { ForeignText, momentText, numberText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { useZones } from "../../../session/plants.tsx";
import type { Values } from "../form/fields.ts";
import { csvBody, listQuery, type Resource } from "../resource.ts";
import { activeColumn } from "./cells.tsx";
import { CODE } from "./patterns.ts";
import { suggestMachines, suggestProducts } from "./suggestions.ts";

type WorkOrder = Schema<"WorkOrder">;

const body = (values: Values) => ({
  product: values.text("product"),
  machine: values.optionalText("machine"),
  quantity: values.number("quantity"),
  due_at: values.moment("due_at"),
  active: values.flag("active"),
});

export const WORK_ORDERS: Resource<WorkOrder> = {
  kind: "work-orders",
  title: "Work orders",
  one: "work order",
  about: "What is to be made next. Stations start an order by scanning its code.",
  nameOf: (row) => row.code,
  retires: true,
  columns: [
    {
      key: "product",
      title: "Product",
      className: "w-full",
      cell: (row) => (
        <span className="flex flex-col">
          <ForeignText max={60}>{row.product}</ForeignText>
          <span className="text-ink-soft text-xs">
            <ForeignText max={80}>{row.product_title}</ForeignText>
          </span>
        </span>
      ),
    },
    {
      key: "quantity",
      title: "Quantity",
      number: true,
      cell: (row) => (row.quantity != null ? numberText(row.quantity) : "–"),
    },
    {
      key: "machine",
      title: "Machine",
      wideOnly: true,
      cell: (row) => <ForeignText max={40}>{row.machine ?? "any"}</ForeignText>,
    },
    { key: "due", title: "Due", wideOnly: true, cell: (row) => <Due order={row} /> },
    activeColumn("closed"),
  ],
  fields: [
    {
      kind: "text",
      key: "code",
      label: "Code",
      hint: "As its barcode carries it.",
      required: true,
      stays: true,
      ...CODE,
    },
    { kind: "text", key: "product", label: "Product", required: true, max: 64, suggest: suggestProducts },
    { kind: "text", key: "machine", label: "Machine", hint: "Empty: any.", max: 64, suggest: suggestMachines },
    { kind: "number", key: "quantity", label: "Quantity", hint: "Good pieces ordered.", unit: "", min: 0, max: 1e12 },
    { kind: "moment", key: "due_at", label: "Due" },
    { kind: "flag", key: "active", label: "Active", words: "Active: stations offer it" },
  ],
  list: async (filter, cursor, signal) => {
    const found = await answer(api.GET("/work-orders", { params: { query: listQuery(filter, cursor) }, signal }));
    return { rows: found.work_orders, next: found.next };
  },
  get: (work_order) => answer(api.GET("/work-orders/{work_order}", { params: { path: { work_order } } })),
  create: (plant, values) =>
    answer(api.POST("/work-orders", { body: { plant, code: values.text("code"), ...body(values) } })),
  replace: (work_order, version, values) =>
    answer(
      api.PUT("/work-orders/{work_order}", { params: { path: { work_order } }, body: { version, ...body(values) } }),
    ),
  remove: (work_order) => answer(api.DELETE("/work-orders/{work_order}", { params: { path: { work_order } } })),
  csv: {
    example: "code,product,machine,quantity,due_at,active\nWO-2041,FG-100,press-1,5000,2026-12-24T14:00:00+01:00,true",
    send: (plant, text, dry_run) =>
      answer(api.POST("/work-orders/import", { params: { query: { plant, dry_run } }, ...csvBody(text) })),
  },
};

function Due({ order }: { order: WorkOrder }) {
  const zoneOf = useZones();
  if (order.due_at == null) return "–";
  return <span className="whitespace-nowrap">{momentText(order.due_at, "dayAndTime", zoneOf(order.plant))}</span>;
}
