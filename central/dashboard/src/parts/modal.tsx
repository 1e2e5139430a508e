import { type SyntheticEvent, useEffect, useRef, useState } from "react";
import { Button } from "./button.tsx";
import { isTouched } from "./screen.ts";

interface Modal {
  onClose: () => void;
  /** Nothing closes it without asking: not Escape, not the button at its corner. */
  unsaved?: boolean;
  /** Only a button of its content closes it. */
  stays?: boolean;
}

const FIELDS = "form :is(input, select, textarea):not(:disabled)";

/**
 * What every dialog does: its first field, or the one marked `data-first`, has the focus, Escape closes it, and the
 * focus returns to where it was. Shown while it is rendered.
 */
export function useModal({ onClose, unsaved = false, stays = false }: Modal) {
  const dialog = useRef<HTMLDialogElement>(null);
  const opener = useRef<Element | null>(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) {
      opener.current ??= document.activeElement;
      element.showModal();
      const first = element.querySelector("[data-first]") ?? (isTouched() ? null : element.querySelector(FIELDS));
      if (first instanceof HTMLElement) first.focus();
    }
    return () => focusAgain(opener.current);
  }, []);
  const close = () => {
    if (!unsaved && !stays) return onClose();
    setAsking(unsaved);
    // A browser closes it on a second Escape, whatever is said against it.
    if (dialog.current && !dialog.current.open) dialog.current.showModal();
  };
  return {
    asking: asking && unsaved,
    keep: () => setAsking(false),
    close,
    props: {
      ref: dialog,
      onClose: (event: SyntheticEvent) => isOwn(event) && close(),
      onCancel: (event: SyntheticEvent) => {
        if (!isOwn(event)) return;
        if (unsaved || stays) event.preventDefault();
        close();
      },
    },
  };
}

/** Those of a dialog in front of this one, and of a file that was not chosen, pass through here too. */
const isOwn = ({ target, currentTarget }: SyntheticEvent): boolean => target === currentTarget;

/** What opened the dialog may be gone: a row that was explained. The page goes on from its content then. */
function focusAgain(opener: Element | null): void {
  if (document.activeElement !== null && document.activeElement !== document.body) return;
  const there = opener instanceof HTMLElement && opener.isConnected && opener !== document.body;
  if (there) opener.focus();
  else document.getElementById("content")?.focus({ preventScroll: true });
}

/** Asked before what was typed is lost. */
export function Unsaved({ onDiscard, onKeep }: { onDiscard: () => void; onKeep: () => void }) {
  return (
    <div role="alert" className="flex flex-wrap items-center gap-2 bg-warning-soft px-5 py-2 text-sm">
      <span className="mr-auto font-medium">What you changed is not saved.</span>
      <Button small onClick={onDiscard}>
        Discard it
      </Button>
      <Button small look="primary" onClick={onKeep} autoFocus>
        Keep editing
      </Button>
    </div>
  );
}
