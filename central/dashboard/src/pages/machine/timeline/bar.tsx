import type { MachineState } from "screens";
import type { Mark } from "./layout.ts";

/** Height and pattern tell states apart without colour; what is abnormal stands tallest. */
export const BAR_HEIGHT = 56;

const LOOKS: Record<MachineState, { height: number; fill: string; pattern?: "lines" | "dots" | "cross" }> = {
  running: { height: 30, fill: "fill-state-running" },
  idle: { height: 40, fill: "fill-state-idle", pattern: "lines" },
  stopped: { height: 56, fill: "fill-state-stopped" },
  setup: { height: 40, fill: "fill-state-setup", pattern: "dots" },
  maintenance: { height: 40, fill: "fill-state-maintenance" },
  break: { height: 16, fill: "fill-state-break", pattern: "lines" },
  off: { height: 8, fill: "fill-state-off" },
  no_data: { height: 56, fill: "fill-state-no-data", pattern: "cross" },
};

/** What lies over a state's colour. One set for each drawing. */
export function Patterns({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={`${id}-lines`} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="3" height="6" className="fill-surface" />
      </pattern>
      <pattern id={`${id}-dots`} width="6" height="6" patternUnits="userSpaceOnUse">
        <circle cx="3" cy="3" r="1.5" className="fill-surface" />
      </pattern>
      <pattern id={`${id}-cross`} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
        <rect width="5" height="7" className="fill-surface" />
      </pattern>
    </defs>
  );
}

export function StateRect({
  id,
  state,
  x,
  width,
  base,
  height = BAR_HEIGHT,
}: Pick<Mark, "state" | "x" | "width"> & { id: string; base: number; height?: number }) {
  const look = LOOKS[state];
  const tall = (look.height / BAR_HEIGHT) * height;
  const place = { x, y: base - tall, width, height: tall };
  return (
    <>
      <rect {...place} className={look.fill} />
      {look.pattern && width >= 4 && <rect {...place} fill={`url(#${id}-${look.pattern})`} />}
    </>
  );
}
