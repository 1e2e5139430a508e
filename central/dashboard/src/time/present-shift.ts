export interface Shift {
  name: string;
  starts_ms: number;
  ends_ms: number;
}

/** The shift of this moment; of several that overlap, the one that began last. Pure. */
export function presentShift(
  calendar: readonly { name: string; starts_at: string; ends_at: string }[],
  now_ms: number,
): Shift | null {
  const present = calendar
    .map(({ name, starts_at, ends_at }) => ({ name, starts_ms: Date.parse(starts_at), ends_ms: Date.parse(ends_at) }))
    .filter(({ starts_ms, ends_ms }) => starts_ms <= now_ms && now_ms < ends_ms)
    .sort((a, b) => a.starts_ms - b.starts_ms);
  return present.at(-1) ?? null;
}
