import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useState } from "react";
import { durationText, ForeignText, MachineStateMark, momentText, shownState } from "screens";
import type { Segment } from "../../../api/types.ts";
import { Button } from "../../../parts/button.tsx";
import { LeftIcon, RightIcon, ZoomInIcon, ZoomOutIcon } from "../../../parts/icons.tsx";
import { useSize } from "../../../parts/screen.ts";
import { Table } from "../../../parts/table.tsx";
import { ticks } from "../../../time/zone.ts";
import { BAR_HEIGHT, Patterns, StateRect } from "./bar.tsx";
import { inside, marks, moved, segmentAt, shares, type View, zoomed } from "./layout.ts";
import { Legend } from "./legend.tsx";

const AXIS_HEIGHT = 22;
const TICK_EVERY_PX = 90;
const DRAG_MIN_PX = 5;

interface Props {
  segments: readonly Segment[];
  whole: View;
  time_zone: string;
  /** Takes what is zoomed in on as the range of the page. */
  onRange: (view: View) => void;
}

/** What the machine was doing, to the second: drag to zoom, arrow keys to walk from state to state. */
export function StateTimeline({ segments, whole, time_zone, onRange }: Props) {
  const id = useId();
  const [area, { width }] = useSize<HTMLElement>();
  const [zoom, setZoom] = useState<View | null>(null);
  const [chosen, setChosen] = useState(-1);
  const [hovered, setHovered] = useState(-1);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  // The whole may have slid on since.
  const view = zoom ? inside(zoom, whole) : whole;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what slides begins with another segment
  useEffect(() => setChosen(-1), [whole.from_ms]);
  const drawn = useMemo(() => (width > 0 ? marks(segments, view, width) : []), [segments, view, width]);
  const axis = ticks(view.from_ms, view.to_ms, time_zone, width / TICK_EVERY_PX);
  const shown = segments[hovered] ?? segments[chosen];
  const xOf = (at_ms: number) => ((at_ms - view.from_ms) / (view.to_ms - view.from_ms)) * width;
  const momentAt = (x: number) => view.from_ms + (x / width) * (view.to_ms - view.from_ms);
  const middle = () => {
    const segment = segments[chosen];
    const at_ms = segment ? (Date.parse(segment.from) + Date.parse(segment.to)) / 2 : Number.NaN;
    return at_ms > view.from_ms && at_ms < view.to_ms ? at_ms : (view.from_ms + view.to_ms) / 2;
  };

  const choose = (index: number) => {
    const segment = segments[Math.min(Math.max(index, 0), segments.length - 1)];
    if (!segment) return;
    setChosen(segments.indexOf(segment));
    const [from, to] = [Date.parse(segment.from), Date.parse(segment.to)];
    if (zoom && (to < view.from_ms || from > view.to_ms)) {
      setZoom(moved(view, whole, (from - view.from_ms) / (view.to_ms - view.from_ms) - 0.4));
    }
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const first = segmentAt(segments, view.from_ms + 1);
    if (event.key === "ArrowRight") choose(chosen < 0 ? first : chosen + 1);
    else if (event.key === "ArrowLeft") choose(chosen < 0 ? first : chosen - 1);
    else if (event.key === "+") setZoom(zoomed(view, whole, 0.5, middle()));
    else if (event.key === "-") setZoom(zoomed(view, whole, 2, middle()));
    else if (event.key === "PageUp") setZoom(moved(view, whole, -0.8));
    else if (event.key === "PageDown") setZoom(moved(view, whole, 0.8));
    else if (event.key === "Home") setZoom(null);
    else return;
    event.preventDefault();
  };

  const pointX = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(Math.max(event.clientX - box.left, 0), width);
  };
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    if (event.pointerType === "mouse") event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ from: pointX(event), to: pointX(event) });
  };
  const onPointerMove = (event: PointerEvent) => {
    const x = pointX(event);
    setHovered(segmentAt(segments, momentAt(x)));
    if (drag && event.pointerType === "mouse") setDrag({ from: drag.from, to: x });
  };
  const onPointerUp = (event: PointerEvent) => {
    if (!drag) return;
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    setDrag(null);
    if (to - from < DRAG_MIN_PX) setChosen(segmentAt(segments, momentAt(pointX(event))));
    else setZoom(zoomed({ from_ms: momentAt(from), to_ms: momentAt(to) }, whole, 1, momentAt(from)));
  };

  return (
    <div className="flex flex-col gap-2">
      <div className="rounded-card border border-line bg-surface px-3 pt-3 pb-2">
        <section
          ref={area}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it is walked through by keys
          tabIndex={0}
          aria-label={`States from ${momentText(view.from_ms, "full", time_zone)} to ${momentText(view.to_ms, "full", time_zone)}. Left and right walk from state to state, plus and minus zoom, page up and down move, home shows all.`}
          onKeyDown={onKeyDown}
          className="rounded-sm"
        >
          <svg
            width="100%"
            height={BAR_HEIGHT + AXIS_HEIGHT}
            aria-hidden="true"
            className="block cursor-crosshair touch-pan-y select-none overflow-visible"
            onPointerDown={onPointerDown}
            onPointerMove={onPointerMove}
            onPointerUp={onPointerUp}
            onPointerLeave={() => setHovered(-1)}
            onPointerCancel={() => setDrag(null)}
          >
            <Patterns id={id} />
            <rect width="100%" height={BAR_HEIGHT} className="fill-canvas" />
            {drawn.map((mark) => (
              <StateRect key={`${mark.index}`} id={id} {...mark} base={BAR_HEIGHT} />
            ))}
            {shown && (
              <rect
                x={xOf(Math.max(Date.parse(shown.from), view.from_ms))}
                y={-1}
                width={Math.max(
                  2,
                  xOf(Math.min(Date.parse(shown.to), view.to_ms)) - xOf(Math.max(Date.parse(shown.from), view.from_ms)),
                )}
                height={BAR_HEIGHT + 2}
                className="fill-none stroke-2 stroke-accent"
              />
            )}
            {axis.at.map((at_ms) => (
              <g key={at_ms} transform={`translate(${xOf(at_ms)} 0)`}>
                <path d={`M0 ${BAR_HEIGHT}v5`} className="stroke-edge" />
                <text y={BAR_HEIGHT + 18} textAnchor={anchorAt(xOf(at_ms), width)} className="fill-ink-soft text-xs">
                  {momentText(
                    at_ms,
                    axis.step_ms < 60_000 ? "timeToSecond" : axis.step_ms < 86_400_000 ? "time" : "day",
                    time_zone,
                  )}
                </text>
              </g>
            ))}
            {drag && Math.abs(drag.to - drag.from) >= DRAG_MIN_PX && (
              <rect
                x={Math.min(drag.from, drag.to)}
                width={Math.abs(drag.to - drag.from)}
                height={BAR_HEIGHT}
                className="fill-accent opacity-25"
              />
            )}
          </svg>
        </section>
        <div className="mt-1 flex min-h-9 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-line border-t pt-2">
          <p aria-live="polite" className="min-w-0 text-sm">
            {shown ? (
              <Details segment={shown} time_zone={time_zone} />
            ) : (
              <span className="text-ink-soft">
                <span className="pointer-coarse:hidden">Point at a state, or drag over a stretch to zoom in.</span>
                <span className="hidden pointer-coarse:inline">Tap a state; the magnifiers zoom in and out.</span>
              </span>
            )}
          </p>
          <div className="ml-auto flex items-center gap-1">
            {zoom && (
              <>
                <Button small look="quiet" onClick={() => onRange(view)}>
                  Use as range
                </Button>
                <Button small look="quiet" onClick={() => setZoom(null)}>
                  Show all
                </Button>
                <Button small look="quiet" aria-label="Earlier" onClick={() => setZoom(moved(view, whole, -0.5))}>
                  <LeftIcon />
                </Button>
                <Button small look="quiet" aria-label="Later" onClick={() => setZoom(moved(view, whole, 0.5))}>
                  <RightIcon />
                </Button>
              </>
            )}
            <Button
              small
              look="quiet"
              aria-label="Zoom out"
              disabled={!zoom}
              onClick={() => setZoom(zoomed(view, whole, 2, middle()))}
            >
              <ZoomOutIcon />
            </Button>
            <Button small look="quiet" aria-label="Zoom in" onClick={() => setZoom(zoomed(view, whole, 0.5, middle()))}>
              <ZoomInIcon />
            </Button>
          </div>
        </div>
      </div>
      <Legend shares={shares(segments, view)} />
      <AsTable segments={segments} view={view} time_zone={time_zone} />
    </div>
  );
}

/** Words at an edge stay inside. */
const anchorAt = (x: number, width: number) => (x < 20 ? "start" : x > width - 20 ? "end" : "middle");

function Details({ segment, time_zone }: { segment: Segment; time_zone: string }) {
  return (
    <span className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5">
      <MachineStateMark state={shownState(segment.state)} />
      <span className="font-semibold">{durationText(Date.parse(segment.to) - Date.parse(segment.from))}</span>
      <span className="text-ink-soft">
        {momentText(segment.from, "day", time_zone)} {momentText(segment.from, "timeToSecond", time_zone)} –{" "}
        {momentText(segment.to, "timeToSecond", time_zone)}
      </span>
      {segment.reason && <ForeignText max={60}>{segment.reason}</ForeignText>}
      {segment.source_code && (
        <span className="text-ink-soft">
          machine said <ForeignText max={40}>{segment.source_code}</ForeignText>
        </span>
      )}
    </span>
  );
}

const ROWS_MAX = 500;

function AsTable({ segments, view, time_zone }: { segments: readonly Segment[]; view: View; time_zone: string }) {
  const [open, setOpen] = useState(false);
  const inView = segments.filter((one) => Date.parse(one.to) > view.from_ms && Date.parse(one.from) < view.to_ms);
  const rows = inView.slice(-ROWS_MAX).toReversed();
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="w-fit rounded-sm text-accent text-sm underline-offset-2 hover:underline">
        States as a table
      </summary>
      {open && (
        <div className="mt-2 flex flex-col gap-2">
          {inView.length > ROWS_MAX && (
            <p className="text-ink-soft text-sm">The newest {ROWS_MAX}; zoom in for the others.</p>
          )}
          <Table
            caption="States, newest first"
            rows={rows}
            rowKey={(row) => row.from}
            empty="Nothing is known of this time."
            columns={[
              { key: "state", title: "State", cell: (row) => <MachineStateMark state={shownState(row.state)} /> },
              { key: "from", title: "From", cell: (row) => momentText(row.from, "full", time_zone) },
              { key: "to", title: "To", cell: (row) => momentText(row.to, "full", time_zone) },
              {
                key: "for",
                title: "For",
                number: true,
                cell: (row) => durationText(Date.parse(row.to) - Date.parse(row.from)),
              },
              { key: "reason", title: "Reason", cell: (row) => <ForeignText>{row.reason ?? ""}</ForeignText> },
            ]}
          />
        </div>
      )}
    </details>
  );
}
