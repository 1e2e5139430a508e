import { useConnection, useStaleSince } from "../live/use-board.ts";

/** Whether what is shown is live, in a word and a shape. */
export function ConnectionMark() {
  const connection = useConnection();
  const stale_since = useStaleSince();
  const live = connection === "live" && stale_since === null;
  const word = live ? "Live" : connection === "interrupted" || stale_since !== null ? "Reconnecting" : "Connecting";
  return (
    <span
      role="status"
      className={`flex items-center gap-1.5 whitespace-nowrap px-2 text-sm ${
        live ? "text-ink-soft" : "font-semibold text-unknown"
      }`}
    >
      <svg viewBox="0 0 10 10" className="size-2.5" aria-hidden="true" focusable="false">
        {live ? (
          <circle cx="5" cy="5" r="4" fill="currentColor" />
        ) : (
          <circle cx="5" cy="5" r="3.8" fill="none" stroke="currentColor" strokeWidth="2" strokeDasharray="3 2.2" />
        )}
      </svg>
      {word}
    </span>
  );
}
