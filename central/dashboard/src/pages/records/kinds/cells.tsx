import { ForeignText } from "screens";
import { Badge } from "../../../parts/notices.tsx";
import type { Column } from "../../../parts/table.tsx";
import type { Kept } from "../resource.ts";

/** Cells that several kinds share. */

export const activeColumn = <Row extends Kept>(retired: string): Column<Row> => ({
  key: "active",
  title: "Status",
  cell: (row) => (row.active === false ? <Badge>{retired}</Badge> : <Badge kind="done">active</Badge>),
});

export const titleColumn = <Row extends Kept & { title: string }>(): Column<Row> => ({
  key: "title",
  title: "Title",
  className: "w-full",
  cell: (row) => (row.title ? <ForeignText max={100}>{row.title}</ForeignText> : null),
});
