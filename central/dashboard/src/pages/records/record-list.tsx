import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ForeignName, ForeignText } from "screens";
import { Button } from "../../parts/button.tsx";
import { Choice } from "../../parts/field.tsx";
import { Listed } from "../../parts/listing.tsx";
import { ErrorNotice } from "../../parts/notices.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { type Column, Table } from "../../parts/table.tsx";
import { useMay, useSession } from "../../session/session.ts";
import { ImportSheet } from "./import-sheet.tsx";
import { RecordSheet } from "./record-sheet.tsx";
import type { Kept, Resource } from "./resource.ts";

const STATUSES = [
  { value: "active", label: "Active" },
  { value: "retired", label: "Retired" },
  { value: "all", label: "All" },
] as const;

/** All records of a kind: found by typing, opened beside the list. */
export function RecordList<Row extends Kept>({ resource }: { resource: Resource<Row> }) {
  const search = useSearch({ from: "/shell/records/$kind" });
  const navigate = useNavigate();
  const may = useMay("master_data:write");
  const [importing, setImporting] = useState(false);
  const status = search.status ?? "active";
  const filter = {
    plant: search.plant,
    text: search.q,
    active: !resource.retires || status === "all" ? undefined : status === "active",
  };
  const list = useInfiniteQuery({
    queryKey: ["master_data", resource.kind, filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => resource.list(filter, pageParam, signal),
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  const go = (
    change: { q?: string | undefined; status?: "retired" | "all" | undefined; open?: string | undefined },
    replace = true,
  ) => void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace, resetScroll: false });
  const columns = useColumns(resource, (row) => go({ open: String(row.id) }, false));
  const rows = list.data?.pages.flatMap((page) => page.rows) ?? [];
  return (
    <>
      <div className="flex flex-wrap items-center gap-3">
        <SearchField
          label={`Search ${resource.title.toLowerCase()}`}
          value={search.q ?? ""}
          onSearch={(text) => go({ q: text || undefined })}
        />
        {resource.retires && (
          <Choice
            label="Which are shown"
            value={status}
            options={STATUSES}
            onChange={(value) => go({ status: value === "active" ? undefined : value })}
          />
        )}
        <div className="ml-auto flex flex-wrap gap-2 max-sm:w-full max-sm:justify-end">
          {may && resource.csv && <Button onClick={() => setImporting(true)}>Import CSV</Button>}
          {may && resource.create && (
            <Button look="primary" onClick={() => go({ open: "new" }, false)}>
              New {resource.one}
            </Button>
          )}
        </div>
      </div>
      {!may && <p className="text-ink-soft text-sm">You can read these; managers and administrators change them.</p>}
      {resource.origin && <p className="text-ink-soft text-sm">{resource.origin}</p>}
      <Listed query={list} rowsOf={(page) => page.rows}>
        {(found) => (
          <Table
            caption={`${resource.title}, by plant and name`}
            rows={found}
            rowKey={(row) => row.id}
            columns={columns}
            empty={
              search.q !== undefined || status === "retired" ? (
                <p className="font-semibold text-ink">Nothing like that here.</p>
              ) : (
                <>
                  <p className="font-semibold text-ink">There are no {resource.title.toLowerCase()} yet.</p>
                  <p className="mx-auto mt-1 max-w-prose">{resource.about}</p>
                </>
              )
            }
          />
        )}
      </Listed>
      <Opened
        resource={resource}
        open={search.open}
        rows={rows}
        plant={search.plant}
        onClose={() => go({ open: undefined }, false)}
      />
      {importing && resource.csv && (
        <ImportSheet
          title={`Import ${resource.title.toLowerCase()}`}
          csv={resource.csv}
          plant={search.plant}
          onClose={() => setImporting(false)}
        />
      )}
    </>
  );
}

/** The name of a record opens it; its plant only where there are several. */
function useColumns<Row extends Kept>(resource: Resource<Row>, open: (row: Row) => void): Column<Row>[] {
  const { plants } = useSession();
  const several = plants.length > 1 && resource.kind !== "plants";
  return [
    {
      key: "name",
      title: resource.fields.find((field) => field.stays)?.label ?? "Name",
      className: "min-w-28",
      cell: (row) => (
        <span className="flex flex-col items-start">
          <button
            type="button"
            onClick={() => open(row)}
            className="-my-1.5 min-h-8 rounded-control text-left font-medium underline-offset-2 hover:underline"
          >
            <ForeignName max={40}>{resource.nameOf(row)}</ForeignName>
          </button>
          {several && row.plant && (
            <span className="text-ink-soft text-xs md:hidden">
              <ForeignText max={40}>{row.plant}</ForeignText>
            </span>
          )}
        </span>
      ),
    },
    ...(several
      ? [
          {
            key: "plant",
            title: "Plant",
            wideOnly: true,
            className: "min-w-28",
            cell: (row: Row) => <ForeignText max={40}>{row.plant ?? ""}</ForeignText>,
          },
        ]
      : []),
    ...resource.columns,
  ];
}

/** The record that the address names. */
function Opened<Row extends Kept>({
  resource,
  open,
  rows,
  plant,
  onClose,
}: {
  resource: Resource<Row>;
  open: string | undefined;
  rows: readonly Row[];
  plant: string | undefined;
  onClose: () => void;
}) {
  const id = Number(open);
  const listed = rows.find((row) => row.id === id);
  const asked = useQuery({
    queryKey: ["master_data", resource.kind, "one", id],
    queryFn: () => resource.get(id),
    enabled: open !== undefined && open !== "new" && Number.isSafeInteger(id),
    // Opened again, it begins from the list: a form never begins from what is older.
    gcTime: 0,
    ...(listed && { initialData: listed }),
  });
  if (open === undefined) return null;
  if (open === "new")
    return resource.create ? <RecordSheet resource={resource} record={null} plant={plant} onClose={onClose} /> : null;
  if (asked.data)
    return <RecordSheet key={asked.data.id} resource={resource} record={asked.data} plant={plant} onClose={onClose} />;
  return asked.isError ? <ErrorNotice error={asked.error} onRetry={() => void asked.refetch()} /> : null;
}
