import { type ReactNode, useId } from "react";
import { Button } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";
import { Unsaved, useModal } from "./modal.tsx";

/** A question in front of the page: the browser keeps the focus inside. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
  hides = false,
  unsaved = false,
  stays = false,
}: {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  /** Whether the page behind it cannot be seen. */
  hides?: boolean;
  /** Whether something was typed that closing would lose. */
  unsaved?: boolean;
  /** Whether only a button of its content closes it. */
  stays?: boolean;
}) {
  const id = useId();
  const { asking, keep, close, props } = useModal({ onClose, unsaved, stays });
  return (
    <dialog
      {...props}
      aria-labelledby={id}
      className={`m-auto max-h-[92dvh] w-[calc(100vw-2rem)] overflow-auto rounded-card bg-raised p-0 text-ink shadow-raised ${
        hides ? "backdrop:bg-canvas" : "backdrop:bg-[#0008]"
      } ${wide ? "max-w-3xl" : "max-w-lg"}`}
    >
      <header className="sticky top-0 z-10 bg-raised">
        <div className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
          <h2 id={id} className="min-w-0 pt-1 font-semibold text-lg leading-snug">
            {title}
          </h2>
          {!stays && (
            <Button look="quiet" small aria-label="Close" onClick={close} className="-mr-2">
              <CloseIcon />
            </Button>
          )}
        </div>
        {asking && <Unsaved onDiscard={onClose} onKeep={keep} />}
      </header>
      <div className="px-5 pb-5">{children}</div>
    </dialog>
  );
}

/** The buttons at the end of a dialog: what it is for comes last, where the eye ends. */
export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className="mt-5 flex flex-wrap justify-end gap-2">{children}</div>;
}
