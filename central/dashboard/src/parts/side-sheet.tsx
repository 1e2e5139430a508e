import { useBlocker } from "@tanstack/react-router";
import { type ReactNode, useId, useRef } from "react";
import { Button } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";
import { Unsaved, useModal } from "./modal.tsx";

/**
 * A form beside the page; all of the screen on a phone. While `unsaved`, nothing closes it without asking: not Escape,
 * not another address, not the window.
 */
export function SideSheet({
  title,
  unsaved,
  onClose,
  children,
}: {
  title: ReactNode;
  unsaved: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  const id = useId();
  const decided = useRef(false);
  const blocker = useBlocker({
    shouldBlockFn: () => unsaved && !decided.current,
    enableBeforeUnload: () => unsaved && !decided.current,
    withResolver: true,
  });
  const modal = useModal({ onClose, unsaved });
  const blocked = blocker.status === "blocked";
  const keep = () => {
    modal.keep();
    if (blocked) blocker.reset();
  };
  const discard = () => {
    decided.current = true;
    if (blocked) blocker.proceed();
    else onClose();
  };
  return (
    <dialog
      {...modal.props}
      aria-labelledby={id}
      className="my-0 mr-0 ml-auto h-dvh max-h-dvh w-full max-w-xl overflow-auto bg-raised p-0 text-ink shadow-raised backdrop:bg-[#0008]"
    >
      <header className="sticky top-0 z-10 border-line border-b bg-raised">
        <div className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
          <h2 id={id} className="min-w-0 pt-1 font-semibold text-lg leading-snug">
            {title}
          </h2>
          <Button look="quiet" small aria-label="Close" onClick={modal.close} className="-mr-2">
            <CloseIcon />
          </Button>
        </div>
        {(modal.asking || blocked) && <Unsaved onDiscard={discard} onKeep={keep} />}
      </header>
      <div className="px-5 py-5">{children}</div>
    </dialog>
  );
}
