import { ForeignName, numberText } from "screens";
import type { BoardJob } from "../../api/types.ts";
import { progress } from "./overview.ts";

/** How a job stands: a bar, where it should be by now, and the same in words. */
export function JobProgress({ job }: { job: BoardJob }) {
  const bar = progress(job);
  return (
    <div className="mt-[0.4em]">
      {bar && (
        <div className="relative h-[0.5em]" aria-hidden="true">
          <div className="absolute inset-x-0 inset-y-[0.05em] overflow-hidden rounded-full bg-trough">
            <div className="h-full bg-state-running" style={{ width: `${bar.done * 100}%` }} />
          </div>
          {bar.expected !== null && (
            <div
              className="absolute -inset-y-[0.15em] w-[0.2em] -translate-x-1/2 rounded-full bg-ink ring-2 ring-surface"
              style={{ left: `${bar.expected * 100}%` }}
            />
          )}
        </div>
      )}
      <p className="mt-[0.25em] flex flex-wrap justify-between gap-x-2 text-[0.85em]">
        <span className="min-w-0 max-w-full truncate max-sm:whitespace-normal">
          {job.good == null ? "–" : numberText(job.good)}
          {job.quantity != null && <> of {numberText(job.quantity)}</>}
          <span className="text-ink-soft">
            {" · "}
            <ForeignName max={24}>{job.work_order}</ForeignName>
          </span>
        </span>
        {bar?.ahead != null && (
          <span className={`whitespace-nowrap ${bar.ahead < 0 ? "font-semibold text-warning" : "text-ink-soft"}`}>
            {Math.abs(bar.ahead) < 1
              ? "on plan"
              : `${numberText(Math.abs(bar.ahead))} ${bar.ahead < 0 ? "behind" : "ahead"}`}
          </span>
        )}
      </p>
    </div>
  );
}
