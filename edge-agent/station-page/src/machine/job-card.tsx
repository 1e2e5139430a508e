import { ForeignText } from "screens";
import type { Machine } from "../api";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";

/** What the machine works on and how far it is. */
export function JobCard({ machine }: { machine: Machine }) {
  const { texts, formats } = useStation();
  const { job } = machine;
  if (!job) {
    return (
      <section aria-label={texts.job} className="rounded-card bg-surface px-4 py-4 sm:px-6">
        <h3 className="font-semibold text-2xl">{texts.no_job}</h3>
        <p className="text-ink-soft text-lg">{texts.no_job_hint}</p>
      </section>
    );
  }
  const share = job.quantity ? Math.max(0, Math.min(1, job.good / job.quantity)) : null;
  return (
    <section
      aria-label={texts.job}
      className="flex flex-col justify-center rounded-card bg-surface px-4 py-3 sm:px-6 sm:py-4 md:max-h-72 md:flex-1"
    >
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-1">
        <div className="min-w-0">
          <p className="font-medium text-ink-soft text-lg">
            <ForeignText max={40}>{job.work_order}</ForeignText>
          </p>
          <h3 className="font-semibold text-2xl leading-tight">
            <ForeignText max={80}>{job.product_title}</ForeignText>
          </h3>
        </div>
        <p className="whitespace-nowrap">
          <span className="font-semibold text-4xl xl:text-6xl">{formats.number(job.good)}</span>
          {job.quantity !== null && (
            <span className="ml-2 text-ink-soft text-xl">{texts.of_quantity(formats.number(job.quantity))}</span>
          )}
        </p>
      </div>
      {share !== null && (
        <div className="mt-3 h-3 overflow-hidden rounded-full bg-trough">
          <div className="h-full bg-ink-soft" style={{ width: `${share * 100}%` }} />
        </div>
      )}
      {job.paused && (
        <p className="mt-3 flex items-center gap-2 font-semibold text-lg text-warning uppercase">
          <Icon name="pause" />
          {texts.paused}
        </p>
      )}
    </section>
  );
}
