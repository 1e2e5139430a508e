import { ForeignText, momentText } from "screens";
import type { StopEntry } from "../api/types.ts";
import { Badge } from "../parts/notices.tsx";
import { entryText, sayer } from "./words.ts";

/** Everything that was said of a stop, in order: nothing is ever replaced silently. */
export function StopHistory({ entries, time_zone }: { entries: readonly StopEntry[]; time_zone: string | undefined }) {
  return (
    <ol className="flex flex-col divide-y divide-line border-line border-y">
      {entries.map((entry) => (
        <li
          key={entry.entry ?? `${entry.epoch} ${entry.seq} ${entry.change}`}
          className="grid gap-x-4 gap-y-0.5 py-2.5 sm:grid-cols-[11rem_1fr]"
        >
          <span className="text-ink-soft text-sm">
            {momentText(entry.at, "full", time_zone)}
            <span className="block">
              <ForeignText max={40}>{sayer(entry)}</ForeignText>
            </span>
          </span>
          <span>
            <ForeignText max={200}>{entryText(entry)}</ForeignText>
            {entry.split_from && <> from {momentText(entry.split_from, "timeToSecond", time_zone)} on</>}
            {entry.micro && (
              <>
                {" "}
                <Badge>microstop</Badge>
              </>
            )}
            {entry.why && (
              <span className="block text-ink-soft text-sm">
                Why: <ForeignText max={200}>{entry.why}</ForeignText>
              </span>
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}
