import type { Machine } from "../api";
import { useStation } from "../station/station";

/** Pieces of the shift. */
export function Counts({ machine: { pieces } }: { machine: Machine }) {
  const { texts, formats } = useStation();
  const since = formats.time(pieces.since);
  const counts = [
    [texts.good, pieces.good],
    [texts.scrap, pieces.scrap],
    [texts.rework, pieces.rework],
  ] as const;
  const title = pieces.of === "shift" ? texts.pieces_of_shift(since) : texts.pieces_of_day(since);
  return (
    <section
      aria-label={title}
      className="flex flex-col justify-center rounded-card bg-surface px-4 py-3 sm:px-6 sm:py-4 md:max-h-72 md:flex-1"
    >
      <h3 className="font-medium text-ink-soft text-lg">{title}</h3>
      <dl className="mt-1 grid grid-cols-3 gap-3">
        {counts.map(([word, count]) => (
          <div key={word} className="flex flex-col-reverse">
            <dt className="text-ink-soft text-lg">{word}</dt>
            <dd className="font-semibold text-3xl sm:text-4xl xl:text-6xl">{formats.number(count)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
