/** What Plant now makes of the board. Pure. */
import { isAbnormal, shownState } from "screens/machine-state.ts";
import type { BoardJob, BoardMachine } from "../../api/types.ts";

export interface Filter {
  plant?: string | undefined;
  line?: string | undefined;
  abnormal?: boolean | undefined;
}

/** Machines that stand in no line are listed last, under this. */
export const NO_LINE = "";

export interface Line {
  /** `NO_LINE` for those without. */
  name: string;
  /** What people call it. */
  title: string;
  plant: string;
  /** Those that are shown. */
  ids: number[];
  /** All that stand in it, and how many of them run: whatever is shown of it. */
  machines: number;
  running: number;
}

export interface Summary {
  machines: number;
  running: number;
  stopped: number;
  /** No data, or never heard of. */
  unknown: number;
  unexplained_stops: number;
}

/** Whether somebody should look at it: it stands, nobody knows how it stands, or nobody said why it stood. */
export const wantsAttention = (machine: BoardMachine): boolean =>
  isAbnormal(shownState(machine.state)) || machine.unexplained_stops > 0;

export function summary(machines: Iterable<BoardMachine>): Summary {
  const sum: Summary = { machines: 0, running: 0, stopped: 0, unknown: 0, unexplained_stops: 0 };
  for (const machine of machines) {
    const state = shownState(machine.state);
    sum.machines += 1;
    if (state === "running") sum.running += 1;
    if (state === "stopped") sum.stopped += 1;
    if (state === "no_data" || state === "never") sum.unknown += 1;
    sum.unexplained_stops += machine.unexplained_stops;
  }
  return sum;
}

export const passes = (machine: BoardMachine, filter: Filter): boolean =>
  (filter.plant === undefined || machine.plant === filter.plant) &&
  (filter.line === undefined || (machine.line ?? NO_LINE) === filter.line) &&
  (!filter.abnormal || wantsAttention(machine));

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

/** Lines by title, in them machines by title: a place never depends on a state, so that nothing jumps. */
export function lines(machines: Iterable<BoardMachine>, filter: Filter): Line[] {
  const found = new Map<string, BoardMachine[]>();
  for (const machine of machines) {
    if (!passes(machine, { ...filter, abnormal: undefined })) continue;
    const key = JSON.stringify([machine.plant, machine.line ?? NO_LINE]);
    const line = found.get(key);
    if (line) line.push(machine);
    else found.set(key, [machine]);
  }
  return Array.from(found.values(), (of) => lineOf(of, filter))
    .filter(({ ids }) => ids.length > 0)
    .sort(
      (a, b) =>
        byName(a.plant, b.plant) ||
        Number(a.name === NO_LINE) - Number(b.name === NO_LINE) ||
        byName(a.title, b.title) ||
        byName(a.name, b.name),
    );
}

function lineOf(machines: BoardMachine[], filter: Filter): Line {
  const sorted = machines.toSorted((a, b) => byName(a.title || a.name, b.title || b.name) || a.id - b.id);
  return {
    name: sorted[0]?.line ?? NO_LINE,
    title: sorted[0]?.line_title ?? sorted[0]?.line ?? "",
    plant: sorted[0]?.plant ?? "",
    ids: sorted.filter((machine) => passes(machine, filter)).map((machine) => machine.id),
    machines: sorted.length,
    running: sorted.filter((machine) => machine.state === "running").length,
  };
}

export interface Progress {
  /** 0 to 1: how much of the job, or of what should exist by now, is done. */
  done: number;
  /** 0 to 1: where it should be; null when that is unknown. */
  expected: number | null;
  /** Pieces ahead (positive) or behind. Null when unknown. */
  ahead: number | null;
}

/** How a job stands. The whole bar is the quantity, or what is expected by now when the order names none. */
export function progress(job: Pick<BoardJob, "good" | "quantity" | "expected">): Progress | null {
  const whole = job.quantity ?? job.expected;
  if (whole == null || whole <= 0 || job.good == null) return null;
  // What should exist by now is never more than was ordered.
  const expected = job.expected == null ? null : Math.min(job.expected, job.quantity ?? job.expected);
  return {
    done: Math.min(1, Math.max(0, job.good / whole)),
    expected: expected === null ? null : Math.min(1, expected / whole),
    ahead: expected === null ? null : Math.round(job.good - expected),
  };
}

/** What stands above a line's machines. Lines of different plants may have one title. */
export function lineTitle(line: Pick<Line, "name" | "title" | "plant">, all: readonly Pick<Line, "plant">[]): string {
  const several = all.some((other) => other.plant !== line.plant);
  const alone = all.filter((other) => other.plant === line.plant).length === 1;
  const title = line.name !== NO_LINE ? line.title : alone ? "Machines" : "Not in a line";
  return several ? `${line.plant} · ${title}` : title;
}
