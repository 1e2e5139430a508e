import { useEffect } from "react";
import { visibleText } from "screens";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon, type IconName } from "../ui/icon";
import { isHeldUp } from "./entry-marks";
import { type Feedback, notStoredText } from "./feedback";

type Shown = Feedback["is"] | "not_stored_yet";

const LOOKS: Record<Shown, { icon: IconName; colours: string; shown_ms: number | null }> = {
  storing: { icon: "wait", colours: "bg-raised text-ink border-edge", shown_ms: null },
  not_stored_yet: { icon: "warning", colours: "bg-warning-fill text-on-warning border-transparent", shown_ms: 8_000 },
  stored: { icon: "check", colours: "bg-feedback-stored text-white border-transparent", shown_ms: 5_000 },
  already: { icon: "again", colours: "bg-feedback-already text-white border-transparent", shown_ms: 6_000 },
  rejected: { icon: "cross", colours: "bg-alarm-fill text-on-alarm border-transparent", shown_ms: 15_000 },
};
/** Time enough to see a slip and to reach the button. */
const UNDO_SHOWN_MS = 12_000;

/**
 * What became of the last entry, for some seconds; told to screen readers too. It covers the top of the page and of panels,
 * where no finger is: what is tapped next must not move or hide.
 */
export function FeedbackBar({ feedback, onDismiss }: { feedback: Feedback | null; onDismiss: () => void }) {
  const { texts, waiting } = useStation();
  const item = waiting.find(({ key }) => key === feedback?.key);
  const shown: Shown =
    feedback?.is === "storing" && item && isHeldUp(waiting) ? "not_stored_yet" : (feedback?.is ?? "storing");
  const look = LOOKS[shown];
  const shown_ms = feedback?.undo ? UNDO_SHOWN_MS : look.shown_ms;
  useEffect(() => {
    if (!feedback || shown_ms === null) return;
    const timer = setTimeout(onDismiss, shown_ms);
    return () => clearTimeout(timer);
  }, [feedback, shown_ms, onDismiss]);

  const words: Record<Shown, string> = {
    storing: texts.storing,
    not_stored_yet: texts.not_stored_yet,
    stored: texts.stored,
    already: texts.already_done,
    rejected: texts.rejected,
  };
  const detail = shown === "not_stored_yet" ? notStoredText(item?.why ?? null, texts) : null;
  return (
    <div
      className="pointer-events-none fixed inset-x-0 top-0 z-30 flex justify-center p-1"
      data-feedback={feedback ? shown : "none"}
    >
      <div
        role="status"
        aria-live={shown === "rejected" ? "assertive" : "polite"}
        aria-atomic="true"
        className="w-full max-w-3xl"
      >
        {feedback && (
          <div
            className={`pointer-events-auto flex min-h-20 items-center gap-4 rounded-card border-2 py-2 pr-2 pl-5 shadow-raised ${look.colours}`}
          >
            <Icon name={look.icon} className="size-10" />
            <p className="min-w-0 flex-1 leading-snug">
              <strong className="block text-xl">{words[shown]}</strong>
              <bdi className="wrap-anywhere line-clamp-3">{visibleText(feedback.label)}</bdi>
              {detail && <span className="block text-sm">{detail}</span>}
            </p>
            {feedback.undo && <UndoButton id={feedback.undo} label={feedback.label} />}
            <button
              type="button"
              className="flex size-14 items-center justify-center rounded-control -outline-offset-4 focus-visible:outline-current"
              aria-label={texts.close}
              onClick={onDismiss}
            >
              <Icon name="close" />
            </button>
          </div>
        )}
      </div>
    </div>
  );
}

function UndoButton({ id, label }: { id: string; label: string }) {
  const { texts, view } = useStation();
  const undo = useUndo();
  const entry = view.entries.find((entry) => entry.id === id);
  if (entry?.undone) return null;
  return (
    <Button large className="text-ink" onClick={() => undo(id, label)}>
      <Icon name="undo" />
      {texts.undo}
    </Button>
  );
}

/** Takes pieces back. */
export function useUndo(): (id: string, label: string) => void {
  const { submit, withOperator, texts } = useStation();
  return (id, label) =>
    withOperator((operator) => void submit("pieces/undo", { id, operator }, texts.labels.undo(label)));
}
