/** A scale for counts from zero. Pure. */

/** Round values from 0 up, at most `most` steps; the last is not below `highest`. */
export function countTicks(highest: number, most: number): number[] {
  const wanted = Math.max(highest, 1) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= wanted) ?? wanted);
  const ticks: number[] = [];
  for (let tick = 0; tick < highest + step; tick += step) ticks.push(tick);
  return ticks;
}
