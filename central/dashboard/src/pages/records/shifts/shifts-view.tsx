import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { durationText, ForeignText, momentText, serverNow } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { Button } from "../../../parts/button.tsx";
import { SelectField } from "../../../parts/field.tsx";
import { Listed } from "../../../parts/listing.tsx";
import { Badge } from "../../../parts/notices.tsx";
import { Table } from "../../../parts/table.tsx";
import { PlantOptions, useZones } from "../../../session/plants.tsx";
import { useMay, useSession } from "../../../session/session.ts";
import { ClearShifts } from "./clear-shifts.tsx";
import { PlanShifts } from "./plan-shifts.tsx";

type Shift = Schema<"CalendarShift">;
const SHOWN_MS = 28 * 86_400_000;

/** The calendar of a plant: when it means to work. Numbers are counted by it. */
export function ShiftsView() {
  const search = useSearch({ from: "/shell/records/$kind" });
  const { plants } = useSession();
  const may = useMay("master_data:write");
  const [chosen, setChosen] = useState(search.plant ?? plants[0]?.name ?? "");
  const [planning, setPlanning] = useState(false);
  const [clearing, setClearing] = useState(false);
  const plant = search.plant ?? chosen;
  const time_zone = useZones()(plant) ?? "UTC";
  const shifts = useInfiniteQuery({
    queryKey: ["master_data", "shifts", plant],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => {
      const from = new Date(serverNow()).toISOString();
      const to = new Date(serverNow() + SHOWN_MS).toISOString();
      const query = { plant, from, to, limit: 1_000, ...(pageParam !== undefined && { cursor: pageParam }) };
      return answer(api.GET("/shifts", { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        {plants.length > 1 && search.plant === undefined && (
          <SelectField label="Plant" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <PlantOptions />
          </SelectField>
        )}
        <p className="text-ink-soft text-sm">The next four weeks, by the plant's clock ({time_zone}).</p>
        {may && (
          <div className="ml-auto flex gap-2">
            <Button onClick={() => setClearing(true)}>Clear …</Button>
            <Button look="primary" onClick={() => setPlanning(true)}>
              Plan shifts
            </Button>
          </div>
        )}
      </div>
      <Listed query={shifts} rowsOf={(page) => page.shifts}>
        {(rows) => (
          <Table
            caption="Shifts of the next four weeks"
            rows={rows}
            rowKey={(shift) => `${shift.starts_at} ${shift.name}`}
            empty={
              <>
                <p className="font-semibold text-ink">No shift is planned.</p>
                <p className="mx-auto mt-1 max-w-prose">
                  Plan a weekly pattern: what stands still outside of it is not counted against anybody.
                </p>
              </>
            }
            columns={[
              {
                key: "day",
                title: "Day",
                cell: (shift) => (
                  <span className="whitespace-nowrap">
                    {isFirstOfDay(rows, shift, time_zone) && (
                      <strong className="font-semibold">{momentText(shift.starts_at, "day", time_zone)}</strong>
                    )}
                  </span>
                ),
              },
              {
                key: "name",
                title: "Shift",
                className: "w-full",
                cell: (shift) => (
                  <span className="flex flex-wrap items-center gap-2">
                    <ForeignText max={60}>{shift.name}</ForeignText>
                    {Date.parse(shift.starts_at) <= serverNow() && <Badge kind="attended">runs</Badge>}
                  </span>
                ),
              },
              {
                key: "from",
                title: "From – to",
                cell: (shift) => (
                  <span className="whitespace-nowrap">
                    {momentText(shift.starts_at, "time", time_zone)} – {momentText(shift.ends_at, "time", time_zone)}
                  </span>
                ),
              },
              {
                key: "lasts",
                title: "Lasts",
                number: true,
                wideOnly: true,
                cell: (shift) => (
                  <span className="whitespace-nowrap">
                    {durationText(Date.parse(shift.ends_at) - Date.parse(shift.starts_at))}
                  </span>
                ),
              },
            ]}
          />
        )}
      </Listed>
      {planning && <PlanShifts plant={plant} time_zone={time_zone} onClose={() => setPlanning(false)} />}
      {clearing && <ClearShifts plant={plant} time_zone={time_zone} onClose={() => setClearing(false)} />}
    </>
  );
}

function isFirstOfDay(rows: readonly Shift[], shift: Shift, time_zone: string): boolean {
  const before = rows[rows.indexOf(shift) - 1];
  return !before || momentText(before.starts_at, "day", time_zone) !== momentText(shift.starts_at, "day", time_zone);
}
