import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ForeignName } from "screens";
import { useMachine } from "../../live/use-board.ts";
import { Button } from "../../parts/button.tsx";
import { Choice } from "../../parts/field.tsx";
import { CloseIcon } from "../../parts/icons.tsx";
import { Kept, NotRefreshed } from "../../parts/listing.tsx";
import { More } from "../../parts/more.tsx";
import { ErrorNotice, Loading } from "../../parts/notices.tsx";
import { Page } from "../../parts/page.tsx";
import { useSession } from "../../session/session.ts";
import { stopsQuery } from "../../stops/requests.ts";
import { StopTable } from "../../stops/stop-table.tsx";
import { RangePicker } from "../../time/range-picker.tsx";
import { type ChosenRange, useRange } from "../../time/use-range.ts";

/** What nobody has explained yet, across machines: for the shift lead who must explain yesterday. */
export function StopsPage() {
  const search = useSearch({ from: "/shell/stops" });
  const { plants } = useSession();
  // Several plants have no shift in common, and the first one's clock.
  const plant = plants.length === 1 ? plants[0] : plants.find((one) => one.name === search.plant);
  const chosen = useRange({ ...search, range: search.range ?? "week" }, plant, (plant ?? plants[0])?.time_zone);
  if (chosen) return <Stops chosen={chosen} />;
  return (
    <Page title="Stops">
      <Loading rows={8} height="h-12" />
    </Page>
  );
}

function Stops({ chosen }: { chosen: ChosenRange }) {
  const search = useSearch({ from: "/shell/stops" });
  const navigate = useNavigate();
  const { range } = chosen;
  const stops = useInfiniteQuery({
    ...stopsQuery({ machine: search.machine, plant: search.plant, range, unexplained: !search.all }),
    placeholderData: keepPreviousData,
    refetchInterval: range.live ? 30_000 : false,
  });
  const rows = stops.data?.pages.flatMap((page) => page.stops) ?? [];
  return (
    <Page title="Stops" actions={<RangePicker {...chosen} />}>
      <div className="flex flex-wrap items-center gap-3">
        <Choice
          label="Which stops"
          value={search.all ? "all" : "unexplained"}
          options={[
            { value: "unexplained", label: "Unexplained" },
            { value: "all", label: "All" },
          ]}
          onChange={(value) =>
            void navigate({
              to: ".",
              search: (before) => ({ ...before, all: value === "all" || undefined }),
              replace: true,
            })
          }
        />
        {search.machine !== undefined && <OnlyMachine id={search.machine} />}
      </div>
      {stops.isPending ? (
        <Loading rows={8} height="h-12" />
      ) : stops.isLoadingError ? (
        <ErrorNotice error={stops.error} onRetry={() => void stops.refetch()} />
      ) : (
        <Kept query={stops}>
          <NotRefreshed query={stops} />
          <StopTable
            stops={rows}
            withMachine
            empty={
              search.all ? (
                "No stop is known of this time, microstops aside."
              ) : (
                <p className="font-semibold text-ink">Every stop of this time is explained.</p>
              )
            }
          />
          <More query={stops} />
        </Kept>
      )}
    </Page>
  );
}

function OnlyMachine({ id }: { id: number }) {
  const machine = useMachine(id);
  const navigate = useNavigate();
  return (
    <Button
      small
      onClick={() => void navigate({ to: ".", search: (before) => ({ ...before, machine: undefined }), replace: true })}
    >
      Only <ForeignName max={40}>{machine ? machine.title || machine.name : `machine ${id}`}</ForeignName>
      <CloseIcon />
      <span className="sr-only">Show all machines</span>
    </Button>
  );
}
