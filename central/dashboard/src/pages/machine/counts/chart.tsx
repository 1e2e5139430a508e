import { type KeyboardEvent, useId, useState } from "react";
import { numberText } from "screens";
import type { Bucket } from "../../../api/types.ts";
import { useSize } from "../../../parts/screen.ts";
import { countTicks } from "./scale.ts";

const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 24;
const TOP = 8;
const LABEL_PX = 56;

const sumOf = ({ pieces }: Bucket) => pieces.good + pieces.scrap + pieces.rework;

/** Good below, rework and scrap on top of it, each with a pattern of its own; a line says what was possible. */
export function CountsChart({
  buckets,
  labelOf,
  per,
}: {
  buckets: readonly Bucket[];
  labelOf: (bucket: Bucket) => string;
  per: string;
}) {
  const id = useId();
  const [area, { width }] = useSize<HTMLElement>();
  const [at, setAt] = useState(-1);
  const highest = Math.max(1, ...buckets.map((bucket) => Math.max(sumOf(bucket), bucket.target ?? 0)));
  const ticks = countTicks(highest, 4);
  const top = ticks.at(-1) ?? 1;
  const [plotWidth, plotHeight] = [Math.max(0, width - LEFT), HEIGHT - BOTTOM - TOP];
  const step = plotWidth / buckets.length;
  const y = (count: number) => TOP + plotHeight * (1 - count / top);
  const labelEvery = Math.max(1, Math.ceil(LABEL_PX / Math.max(step, 1)));
  const shown = buckets[at];
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const by = event.key === "ArrowRight" ? 1 : -1;
    setAt(Math.min(Math.max(at + by, 0), buckets.length - 1));
  };
  return (
    <div className="rounded-card border border-line bg-surface p-3">
      <section
        ref={area}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is walked through by keys
        tabIndex={0}
        aria-label={`Pieces per ${per}. Left and right walk from bar to bar.`}
        onKeyDown={onKeyDown}
      >
        <svg width="100%" height={HEIGHT} aria-hidden="true" className="block" onPointerLeave={() => setAt(-1)}>
          <Hatches id={id} />
          {ticks.map((tick) => (
            <g key={tick} transform={`translate(0 ${y(tick)})`}>
              <path d={`M${LEFT} 0H${width}`} className={tick === 0 ? "stroke-edge" : "stroke-line"} />
              <text x={LEFT - 8} dy="0.35em" textAnchor="end" className="fill-ink-soft text-xs">
                {numberText(tick)}
              </text>
            </g>
          ))}
          {buckets.map((bucket, index) => (
            <g key={bucket.from} transform={`translate(${LEFT + index * step} 0)`} onPointerEnter={() => setAt(index)}>
              <rect width={step} height={HEIGHT} className={index === at ? "fill-trough" : "fill-transparent"} />
              <Bar id={id} bucket={bucket} step={step} y={y} />
              {index % labelEvery === 0 && (
                <text x={step / 2} y={HEIGHT - 6} textAnchor="middle" className="fill-ink-soft text-xs">
                  {labelOf(bucket)}
                </text>
              )}
            </g>
          ))}
        </svg>
      </section>
      <p
        aria-live="polite"
        className="mt-1 flex min-h-7 flex-wrap items-center gap-x-5 gap-y-1 border-line border-t pt-2 text-sm"
      >
        {shown ? (
          <>
            <strong className="font-semibold">{labelOf(shown)}</strong>
            <span>{numberText(shown.pieces.good)} good</span>
            <span>{numberText(shown.pieces.scrap)} scrap</span>
            {shown.pieces.rework > 0 && <span>{numberText(shown.pieces.rework)} rework</span>}
            {shown.target != null && <span className="text-ink-soft">{numberText(shown.target)} possible</span>}
          </>
        ) : (
          <Key id={id} />
        )}
      </p>
    </div>
  );
}

function Bar({ id, bucket, step, y }: { id: string; bucket: Bucket; step: number; y: (count: number) => number }) {
  const { good, rework, scrap } = bucket.pieces;
  const gap = Math.min(6, step * 0.18);
  const part = (from: number, count: number, fill: { className?: string; fill?: string }) =>
    count > 0 && (
      <rect
        x={gap}
        width={Math.max(1, step - 2 * gap)}
        y={y(from + count)}
        height={y(from) - y(from + count)}
        {...fill}
      />
    );
  return (
    <>
      {part(0, good, { className: "fill-state-running" })}
      {part(good, rework, { fill: `url(#${id}-rework)` })}
      {part(good + rework, scrap, { fill: `url(#${id}-scrap)` })}
      {bucket.target != null && (
        <path d={`M${gap / 2} ${y(bucket.target)}H${step - gap / 2}`} className="stroke-2 stroke-accent" />
      )}
    </>
  );
}

function Hatches({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={`${id}-scrap`} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="5" height="5" className="fill-alarm" />
        <rect width="1.5" height="5" className="fill-surface" />
      </pattern>
      <pattern id={`${id}-rework`} width="5" height="5" patternUnits="userSpaceOnUse">
        <rect width="5" height="5" className="fill-warning" />
        <circle cx="2.5" cy="2.5" r="1.2" className="fill-surface" />
      </pattern>
    </defs>
  );
}

function Key({ id }: { id: string }) {
  const sample = (fill: { className?: string; fill?: string }) => (
    <svg width="14" height="14" aria-hidden="true">
      <rect width="14" height="14" rx="2" {...fill} />
    </svg>
  );
  return (
    <>
      <span className="flex items-center gap-1.5">{sample({ className: "fill-state-running" })} good</span>
      <span className="flex items-center gap-1.5">{sample({ fill: `url(#${id}-rework)` })} rework</span>
      <span className="flex items-center gap-1.5">{sample({ fill: `url(#${id}-scrap)` })} scrap</span>
      <span className="flex items-center gap-1.5">
        <svg width="14" height="14" aria-hidden="true">
          <path d="M0 7H14" className="stroke-2 stroke-accent" />
        </svg>
        possible in the time it ran
      </span>
    </>
  );
}
