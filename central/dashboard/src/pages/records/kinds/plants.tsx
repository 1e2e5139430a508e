import { ForeignText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import type { Values } from "../form/fields.ts";
import { plainListQuery, type Resource } from "../resource.ts";
import { titleColumn } from "./cells.tsx";
import { NAME, TITLE } from "./patterns.ts";
import { suggestTimeZones } from "./suggestions.ts";

const body = (values: Values) => ({ title: values.text("title"), time_zone: values.text("time_zone") });

export const PLANTS: Resource<Schema<"Plant"> & { plant?: never }> = {
  kind: "plants",
  title: "Plants",
  one: "plant",
  about: "Days and shifts are counted by a plant's clock.",
  nameOf: (row) => row.name,
  retires: false,
  columns: [
    titleColumn(),
    {
      key: "zone",
      title: "Time zone",
      cell: (row) => (
        <span className="whitespace-nowrap">
          <ForeignText max={60}>{row.time_zone}</ForeignText>
        </span>
      ),
    },
  ],
  fields: [
    { kind: "text", key: "name", label: "Name", required: true, stays: true, ...NAME },
    { kind: "text", key: "title", label: "Title", hint: "What people call it.", ...TITLE },
    {
      kind: "text",
      key: "time_zone",
      label: "Time zone",
      hint: "Such as Europe/Berlin. Facts keep the day that they were given.",
      required: true,
      max: 64,
      suggest: suggestTimeZones,
    },
  ],
  list: async (filter, cursor, signal) => {
    const found = await answer(api.GET("/plants", { params: { query: plainListQuery(filter, cursor) }, signal }));
    return { rows: found.plants, next: found.next };
  },
  get: (plant) => answer(api.GET("/plants/{plant}", { params: { path: { plant } } })),
  create: (_, values) => answer(api.POST("/plants", { body: { name: values.text("name"), ...body(values) } })),
  replace: (plant, version, values) =>
    answer(api.PUT("/plants/{plant}", { params: { path: { plant } }, body: { version, ...body(values) } })),
};
