import { useBlocker } from "@tanstack/react-router";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";

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
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [asking, setAsking] = useState(false);
  const decided = useRef(false);
  const blocker = useBlocker({
    shouldBlockFn: () => unsaved && !decided.current,
    enableBeforeUnload: () => unsaved && !decided.current,
    withResolver: true,
  });
  useEffect(() => {
    const element = dialog.current;
    if (!element || element.open) return;
    element.showModal();
    element.querySelector<HTMLElement>("form :is(input, select, textarea):not(:disabled)")?.focus();
  }, []);
  const close = () => (unsaved ? setAsking(true) : onClose());
  const blocked = blocker.status === "blocked";
  const keep = () => {
    setAsking(false);
    if (blocked) blocker.reset();
  };
  const discard = () => {
    decided.current = true;
    if (blocked) blocker.proceed();
    else onClose();
  };
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={close}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      className="my-0 mr-0 ml-auto h-dvh max-h-dvh w-full max-w-xl overflow-auto bg-raised p-0 text-ink shadow-raised backdrop:bg-[#0008]"
    >
      <header className="sticky top-0 z-10 border-line border-b bg-raised">
        <div className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
          <h2 id={id} className="min-w-0 pt-1 font-semibold text-lg leading-snug">
            {title}
          </h2>
          <Button look="quiet" small aria-label="Close" onClick={close} className="-mr-2">
            <CloseIcon />
          </Button>
        </div>
        {(asking || blocked) && (
          <div role="alert" className="flex flex-wrap items-center gap-2 bg-warning-soft px-5 py-2 text-sm">
            <span className="mr-auto font-medium">What you changed is not saved.</span>
            <Button small onClick={discard}>
              Discard it
            </Button>
            <Button small look="primary" onClick={keep} autoFocus>
              Keep editing
            </Button>
          </div>
        )}
      </header>
      <div className="px-5 py-5">{children}</div>
    </dialog>
  );
}
