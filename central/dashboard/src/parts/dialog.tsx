import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./button.tsx";
import { CloseIcon } from "./icons.tsx";

/** A question in front of the page: the browser keeps the focus inside, Escape closes it. Shown while it is rendered. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={onClose}
      onCancel={onClose}
      className={`m-auto max-h-[92dvh] w-[calc(100vw-2rem)] overflow-auto rounded-card bg-raised p-0 text-ink shadow-raised backdrop:bg-[#0008] ${
        wide ? "max-w-3xl" : "max-w-lg"
      }`}
    >
      <header className="sticky top-0 z-10 flex items-start justify-between gap-4 bg-raised px-5 pt-4 pb-3">
        <h2 id={id} className="min-w-0 pt-1 font-semibold text-lg leading-snug">
          {title}
        </h2>
        <Button look="quiet" small aria-label="Close" onClick={onClose} className="-mr-2">
          <CloseIcon />
        </Button>
      </header>
      <div className="px-5 pb-5">{children}</div>
    </dialog>
  );
}

/** The buttons at the end of a dialog: what it is for comes last, where the eye ends. */
export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className="mt-5 flex flex-wrap justify-end gap-2">{children}</div>;
}
