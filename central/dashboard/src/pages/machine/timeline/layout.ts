/** How states lie on a line of pixels. Pure. */
import { type MachineState, shownState } from "screens/machine-state.ts";
import type { Segment } from "../../../api/types.ts";

export interface View {
  from_ms: number;
  to_ms: number;
}

/** A state on the line; `index` is that of its segment. */
export interface Mark {
  index: number;
  x: number;
  width: number;
  state: MachineState;
}

/** In one pixel the later of these is seen: a stop of a second must not vanish behind an hour of running. */
const IMPORTANCE: Record<MachineState, number> = {
  off: 0,
  break: 1,
  running: 2,
  idle: 3,
  setup: 4,
  maintenance: 5,
  no_data: 6,
  stopped: 7,
};

/** A shorter state is still seen. */
const WIDTH_MIN = 2;

export function marks(segments: readonly Segment[], view: View, width: number): Mark[] {
  const scale = width / (view.to_ms - view.from_ms);
  const found: Mark[] = [];
  for (const [index, segment] of segments.entries()) {
    const [from, to] = [Date.parse(segment.from), Date.parse(segment.to)];
    if (to <= view.from_ms || from >= view.to_ms) continue;
    const state = asState(segment.state);
    const x = (Math.max(from, view.from_ms) - view.from_ms) * scale;
    const end = (Math.min(to, view.to_ms) - view.from_ms) * scale;
    found.push({ index, x, width: Math.max(end - x, WIDTH_MIN), state });
  }
  return thinned(found).sort((a, b) => IMPORTANCE[a.state] - IMPORTANCE[b.state]);
}

const asState = (word: string): MachineState => {
  const state = shownState(word);
  return state === "never" ? "no_data" : state;
};

/** Of marks that begin in the same half pixel with the same state only the widest is drawn. */
function thinned(all: Mark[]): Mark[] {
  const kept = new Map<string, Mark>();
  for (const mark of all) {
    const place = `${Math.round(mark.x * 2)} ${mark.state}`;
    const other = kept.get(place);
    if (!other || other.width < mark.width) kept.set(place, mark);
  }
  return Array.from(kept.values());
}

/** The segment at a moment; -1 when there is none. */
export function segmentAt(segments: readonly Segment[], at_ms: number): number {
  let [low, high] = [0, segments.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = segments[middle];
    if (!segment) return -1;
    if (at_ms < Date.parse(segment.from)) high = middle - 1;
    else if (at_ms >= Date.parse(segment.to)) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** The shortest stretch that can be shown: states are known to the millisecond, people look at seconds. */
export const VIEW_MIN_MS = 10_000;

/** A view `factor` as long around a moment that keeps its place, inside `whole`. */
export function zoomed(view: View, whole: View, factor: number, around_ms: number): View {
  const length = Math.min(Math.max((view.to_ms - view.from_ms) * factor, VIEW_MIN_MS), whole.to_ms - whole.from_ms);
  const share = (around_ms - view.from_ms) / (view.to_ms - view.from_ms);
  return inside({ from_ms: around_ms - share * length, to_ms: around_ms + (1 - share) * length }, whole);
}

/** A view moved by a share of its length, inside `whole`. */
export function moved(view: View, whole: View, share: number): View {
  const by = (view.to_ms - view.from_ms) * share;
  return inside({ from_ms: view.from_ms + by, to_ms: view.to_ms + by }, whole);
}

/** A view inside of `whole`, as long as it fits. */
export function inside(view: View, whole: View): View {
  const length = Math.min(view.to_ms - view.from_ms, whole.to_ms - whole.from_ms);
  const from_ms = Math.min(Math.max(view.from_ms, whole.from_ms), whole.to_ms - length);
  return { from_ms, to_ms: from_ms + length };
}

/** How long each state took inside a view, longest first. */
export function shares(segments: readonly Segment[], view: View): { state: MachineState; ms: number }[] {
  const sums = new Map<MachineState, number>();
  for (const segment of segments) {
    const ms = Math.min(Date.parse(segment.to), view.to_ms) - Math.max(Date.parse(segment.from), view.from_ms);
    const state = asState(segment.state);
    if (ms > 0) sums.set(state, (sums.get(state) ?? 0) + ms);
  }
  return Array.from(sums, ([state, ms]) => ({ state, ms })).sort((a, b) => b.ms - a.ms);
}
