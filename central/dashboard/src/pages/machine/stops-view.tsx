import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { CheckField } from "../../parts/field.tsx";
import { Kept, NotRefreshed } from "../../parts/listing.tsx";
import { More } from "../../parts/more.tsx";
import { ErrorNotice, Loading } from "../../parts/notices.tsx";
import { stopsQuery } from "../../stops/requests.ts";
import { StopTable } from "../../stops/stop-table.tsx";
import type { ViewProps } from "./machine-page.tsx";

export function StopsView({ id, range }: ViewProps) {
  const { micro = false } = useSearch({ from: "/shell/machines/$machine" });
  const navigate = useNavigate();
  const stops = useInfiniteQuery({
    ...stopsQuery({ machine: id, range, micro }),
    placeholderData: keepPreviousData,
    refetchInterval: range.live ? 30_000 : false,
  });
  if (stops.isPending) return <Loading />;
  if (stops.isLoadingError) return <ErrorNotice error={stops.error} onRetry={() => void stops.refetch()} />;
  return (
    <Kept query={stops}>
      <NotRefreshed query={stops} />
      <CheckField
        label="Microstops too"
        checked={micro}
        onChange={(event) =>
          void navigate({
            to: ".",
            search: (before) => ({ ...before, micro: event.target.checked || undefined }),
            replace: true,
            resetScroll: false,
          })
        }
      />
      <StopTable
        stops={stops.data.pages.flatMap((page) => page.stops)}
        empty={micro ? "No stop is known of this time." : "No stop is known of this time, microstops aside."}
      />
      <More query={stops} />
    </Kept>
  );
}
