import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { ForeignText, momentText, serverNow, useAsTimePasses } from "screens";
import { useBoardLoaded, useMachines, useStaleSince } from "../../live/use-board.ts";
import { Empty, Loading, StaleNote } from "../../parts/notices.tsx";
import { useHiddenCursor, useScreenAwake, useSize } from "../../parts/screen.ts";
import { useSession } from "../../session/session.ts";
import { lines, lineTitle, summary } from "../plant-now/overview.ts";
import { SummaryStrip } from "../plant-now/summary-strip.tsx";
import { MachineTile } from "../plant-now/tile.tsx";
import { arrangement, capacity, type Screenful, screenfuls, smallestFont } from "./arrangement.ts";

const GAP_PX = 12;
const SCREENFUL_MS = 15_000;

/** Plant now for a wall: nothing to touch, as large as it fits, one screenful after the other. */
export function KioskPage() {
  const filter = useSearch({ from: "/kiosk" });
  const machines = useMachines();
  const loaded = useBoardLoaded();
  const stale_since = useStaleSince();
  const navigate = useNavigate();
  useScreenAwake();
  const hidden = useHiddenCursor();
  const shown = useMemo(() => lines(machines.values(), filter), [machines, filter]);
  const counted = useMemo(() => {
    const ids = new Set(shown.flatMap((line) => line.ids));
    return summary(Array.from(machines.values()).filter((machine) => ids.has(machine.id)));
  }, [machines, shown]);
  useEffect(() => {
    document.title = "Plant now";
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") void navigate({ to: "/", search: filter });
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate, filter]);
  return (
    <main className={`flex h-dvh flex-col overflow-hidden p-[1.2vmin] ${hidden ? "cursor-none" : ""}`}>
      <h1 className="sr-only">Plant now</h1>
      <KioskHeader plant={filter.plant}>{loaded && <SummaryStrip of={counted} />}</KioskHeader>
      {stale_since !== null && (
        <div className="pb-2 text-[max(1rem,2vmin)]">
          <StaleNote since_ms={stale_since} />
        </div>
      )}
      <div className={`min-h-0 flex-1 ${stale_since === null ? "" : "grayscale"}`}>
        {!loaded ? (
          <Loading rows={3} height="h-40" />
        ) : shown.length === 0 ? (
          <Empty>There is no machine here.</Empty>
        ) : (
          <Screens
            several={new Set(shown.map((line) => line.plant)).size > 1}
            lines={shown.map((line) => ({ title: lineTitle(line, shown), ids: line.ids }))}
          />
        )}
      </div>
    </main>
  );
}

function KioskHeader({ plant, children }: { plant: string | undefined; children: React.ReactNode }) {
  const { plants } = useSession();
  const shown = plants.find((one) => one.name === plant) ?? (plants.length === 1 ? plants[0] : undefined);
  const time_zone = shown?.time_zone;
  const clock = useAsTimePasses((now) => momentText(now, "time", time_zone));
  return (
    <header className="flex flex-wrap items-baseline justify-between gap-x-[3vmin] gap-y-2 pb-[1.2vmin] text-[max(0.9rem,1.9vmin)]">
      {shown && (
        <p className="font-semibold text-[1.3em]">
          <ForeignText max={60}>{shown.name}</ForeignText>
        </p>
      )}
      {children}
      <p className="font-semibold text-[1.9em] leading-none tracking-tight">
        <time dateTime={new Date(serverNow()).toISOString()}>{clock}</time>
      </p>
    </header>
  );
}

function Screens({ lines: all, several }: { lines: Screenful<number>[]; several: boolean }) {
  const [area, size] = useSize<HTMLDivElement>();
  const [at, setAt] = useState(0);
  const font_min = smallestFont(size.width, size.height);
  const screens = screenfuls(all, capacity(size.width, size.height - 2 * font_min, GAP_PX, font_min));
  useEffect(() => {
    if (screens.length < 2) return;
    const timer = setInterval(() => setAt((before) => before + 1), SCREENFUL_MS);
    return () => clearInterval(timer);
  }, [screens.length]);
  const index = at % Math.max(1, screens.length);
  const screen = screens[index];
  const cycles = screens.length > 1;
  const { columns, rows, font_px } = arrangement(
    screen?.ids.length ?? 1,
    size.width,
    size.height - (cycles ? 2 * font_min : 0),
    GAP_PX,
  );
  return (
    <div ref={area} className="flex h-full flex-col">
      {size.width > 0 && screen && (
        <>
          {cycles && (
            <p className="flex items-baseline justify-between pb-1" style={{ fontSize: font_min }}>
              <span className="truncate font-semibold">
                <ForeignText max={100}>{screen.title}</ForeignText>
              </span>
              <span className="whitespace-nowrap text-ink-soft">
                {index + 1} of {screens.length}
              </span>
            </p>
          )}
          <h2 className="sr-only">{screen.title}</h2>
          <div
            className="grid min-h-0 flex-1"
            style={{
              fontSize: font_px,
              gap: GAP_PX,
              gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
              gridTemplateRows: `repeat(${rows}, minmax(0, 1fr))`,
            }}
          >
            {screen.ids.map((id) => (
              <MachineTile key={id} id={id} links={false} line plant={several} />
            ))}
          </div>
        </>
      )}
    </div>
  );
}
