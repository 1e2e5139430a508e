import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { ForeignName, ForeignText, visibleText } from "screens";
import { lookAgain } from "../../live/look-again.ts";
import { useBoardLoaded, useMachine } from "../../live/use-board.ts";
import { Choice } from "../../parts/field.tsx";
import { LeftIcon } from "../../parts/icons.tsx";
import { Kept, NotRefreshed } from "../../parts/listing.tsx";
import { ErrorNotice, Loading } from "../../parts/notices.tsx";
import { Page, Section } from "../../parts/page.tsx";
import { type Plant, useSession } from "../../session/session.ts";
import type { Range } from "../../time/range.ts";
import { RangePicker } from "../../time/range-picker.tsx";
import { useRange } from "../../time/use-range.ts";
import { CountsView } from "./counts/counts-view.tsx";
import { EventsView } from "./events/events-view.tsx";
import { JobsView } from "./jobs-view.tsx";
import { LiveHeader } from "./live-header.tsx";
import { machineQuery, timelineQuery } from "./queries.ts";
import { ScansView } from "./scans-view.tsx";
import { ShiftLogView } from "./shift-log-view.tsx";
import { StopsView } from "./stops-view.tsx";
import { StateTimeline } from "./timeline/timeline.tsx";
import { MACHINE_VIEWS, type MachineView, VIEW_WORDS } from "./views.ts";

/** One machine: how it stands, what it did to the second, and everything that is known of it. */
export function MachinePage() {
  const { machine } = useParams({ from: "/shell/machines/$machine" });
  const id = Number(machine);
  const live = useMachine(id);
  const loaded = useBoardLoaded();
  const asked = useQuery({ ...machineQuery(id), enabled: loaded && !live });
  const { plants } = useSession();
  const known = live ?? asked.data;
  const plant = plants.find((one) => one.name === known?.plant);
  const several = plants.length > 1;
  const title = known ? known.title || known.name : "Machine";
  return (
    <Page
      title={<ForeignText max={100}>{title}</ForeignText>}
      windowTitle={visibleText(title)}
      above={
        <Link
          to="/"
          search={(before) => ({ plant: before.plant })}
          className="mb-1 inline-flex items-center gap-1 text-ink-soft text-sm hover:text-ink"
        >
          <LeftIcon />
          <ForeignName max={120}>
            {["Plant now", several ? known?.plant : undefined, live?.line_title].filter(Boolean).join(" · ")}
          </ForeignName>
        </Link>
      }
    >
      {asked.isError ? (
        <ErrorNotice error={asked.error} onRetry={() => void asked.refetch()} />
      ) : known ? (
        <>
          {live && <LiveHeader machine={live} />}
          <History key={id} id={id} plant={plant} changed={live?.state_since} />
        </>
      ) : (
        <Loading rows={4} height="h-24" />
      )}
    </Page>
  );
}

function History({ id, plant, changed }: { id: number; plant: Plant | undefined; changed: string | null | undefined }) {
  const search = useSearch({ from: "/shell/machines/$machine" });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const chosen = useRange(search, plant);
  const asked = useRef({ id, changed });
  useEffect(() => {
    if (asked.current.id === id && asked.current.changed !== changed) lookAgain(queries, { queryKey: ["machine", id] });
    asked.current = { id, changed };
  }, [queries, id, changed]);
  const show = search.show ?? "stops";
  if (!chosen) return <Loading rows={4} height="h-24" />;
  const { range, time_zone } = chosen;
  return (
    <>
      <Section title="States" actions={<RangePicker {...chosen} />}>
        <States id={id} range={range} time_zone={time_zone} />
      </Section>
      <div className="sticky top-12 z-10 -mx-4 bg-canvas px-4 py-2 sm:-mx-6 sm:px-6">
        <Choice
          label="What is shown"
          value={show}
          options={MACHINE_VIEWS.map((value) => ({ value, label: VIEW_WORDS[value] }))}
          onChange={(value) =>
            void navigate({
              to: ".",
              search: (before) => ({ ...before, show: value }),
              replace: true,
              resetScroll: false,
            })
          }
        />
      </div>
      <section aria-label={VIEW_WORDS[show]} className="min-h-96">
        <View show={show} id={id} range={range} time_zone={time_zone} />
      </section>
    </>
  );
}

export interface ViewProps {
  id: number;
  range: Range;
  time_zone: string;
}

function View({ show, ...rest }: ViewProps & { show: MachineView }) {
  switch (show) {
    case "stops":
      return <StopsView {...rest} />;
    case "counts":
      return <CountsView {...rest} />;
    case "jobs":
      return <JobsView {...rest} />;
    case "scans":
      return <ScansView {...rest} />;
    case "shift-log":
      return <ShiftLogView {...rest} />;
    case "events":
      return <EventsView {...rest} />;
  }
}

function States({ id, range, time_zone }: ViewProps) {
  const timeline = useQuery(timelineQuery(id, range));
  const navigate = useNavigate();
  if (timeline.isPending) return <Loading rows={1} height="h-40" />;
  if (timeline.isLoadingError) return <ErrorNotice error={timeline.error} onRetry={() => void timeline.refetch()} />;
  const { segments, to_ms, cut } = timeline.data;
  return (
    <Kept query={timeline}>
      <NotRefreshed query={timeline} />
      {cut && (
        <p className="text-ink-soft text-sm">
          The states changed too often to show all of this range: choose a shorter one to see its end.
        </p>
      )}
      <StateTimeline
        // Another range begins unzoomed.
        key={range.live ? range.name : range.from_ms}
        segments={segments}
        whole={{ from_ms: range.from_ms, to_ms: range.live ? Math.max(to_ms, range.from_ms + 60_000) : range.to_ms }}
        time_zone={time_zone}
        onRange={(view) =>
          void navigate({
            to: ".",
            search: (before) => ({
              ...before,
              range: "custom" as const,
              from: new Date(view.from_ms).toISOString(),
              to: new Date(view.to_ms).toISOString(),
            }),
          })
        }
      />
    </Kept>
  );
}
