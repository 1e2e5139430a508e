import type { ReactNode } from "react";
import { ageText, useAsTimePasses } from "screens";
import { problemOf } from "../api/problem.ts";
import { Button } from "./button.tsx";
import { WarningIcon } from "./icons.tsx";

/** Nothing is there, and that is no fault: why, and what to do. */
export function Empty({ children }: { children: ReactNode }) {
  return (
    <div className="rounded-card border border-edge border-dashed px-6 py-10 text-center text-ink-soft">{children}</div>
  );
}

/** Holds the place of what is on its way, so that nothing jumps when it comes. */
export function Loading({ rows = 6, height = "h-10" }: { rows?: number; height?: string }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-2">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <div key={row} className={`${height} animate-pulse rounded-card bg-trough`} />
      ))}
    </div>
  );
}

/** What went wrong, as the server says it, and a way on. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const { title, detail } = problemOf(error);
  return (
    <div role="alert" className="flex items-start gap-3 rounded-card border border-alarm bg-alarm-soft px-4 py-3">
      <WarningIcon className="mt-0.5 text-alarm" />
      <div className="min-w-0 flex-1">
        <p className="font-semibold">{title}</p>
        {detail && <p className="wrap-anywhere mt-0.5 text-sm">{detail}</p>}
      </div>
      {onRetry && (
        <Button small onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** What is shown is older than it should be: since when, as this computer's time. */
export function StaleNote({ since_ms, children }: { since_ms: number; children?: ReactNode }) {
  const age = useAsTimePasses(() => ageText(Date.now() - since_ms));
  return (
    <p className="flex items-center gap-2 rounded-card border border-unknown bg-unknown-soft px-4 py-2 text-sm">
      <WarningIcon className="text-unknown" />
      <span>
        {/* Its age is read when it is asked for, not aloud every second. */}
        <strong role="status" className="font-semibold">
          Not live.
        </strong>{" "}
        This is how it was {age}. {children}
      </span>
    </p>
  );
}

/** A number or a word that stands out from a line. */
export function Badge({ kind = "plain", children }: { kind?: keyof typeof BADGES; children: ReactNode }) {
  return (
    <span
      className={`inline-flex items-center gap-1 whitespace-nowrap rounded-full border px-2 py-px font-medium text-xs ${BADGES[kind]}`}
    >
      {children}
    </span>
  );
}

const BADGES = {
  plain: "border-line bg-trough text-ink",
  alarm: "border-transparent bg-alarm-fill text-on-alarm",
  warning: "border-transparent bg-warning-fill text-on-warning",
  attended: "border-attended bg-attended-soft text-attended",
  unknown: "border-unknown bg-unknown-soft text-unknown",
  done: "border-done text-done",
};
