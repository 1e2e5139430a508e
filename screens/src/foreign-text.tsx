import { type ReactNode, useState } from "react";
import { visibleText } from "./visible-text.ts";

/**
 * Text that came from a barcode, a machine, a person: shown, never obeyed. Control characters are made visible, its
 * writing direction stays its own, and what is longer than `max` characters opens on demand.
 */
export function ForeignText({ children, max = 120 }: { children: string; max?: number }): ReactNode {
  const [open, setOpen] = useState(false);
  const text = visibleText(children);
  const characters = Array.from(text);
  if (characters.length <= max) return <bdi className="wrap-anywhere">{text}</bdi>;
  return (
    <bdi className="wrap-anywhere">
      {open ? text : characters.slice(0, max - 1).join("")}
      <button
        type="button"
        className="ml-1 rounded-sm text-accent underline underline-offset-2"
        aria-expanded={open}
        onClick={(event) => {
          // It may stand in a link, which is not what was meant.
          event.stopPropagation();
          event.preventDefault();
          setOpen(!open);
        }}
      >
        {open ? "less" : `… all ${characters.length} characters`}
      </button>
    </bdi>
  );
}

/**
 * The same in a link or on a button, where nothing else can be pressed: what is longer than `max` characters is cut, and
 * its whole stands in the title.
 */
export function ForeignName({ children, max = 60 }: { children: string; max?: number }): ReactNode {
  const text = visibleText(children);
  const characters = Array.from(text);
  if (characters.length <= max) return <bdi className="wrap-anywhere">{text}</bdi>;
  return (
    <bdi className="wrap-anywhere" title={text}>
      {characters.slice(0, max - 1).join("")}…
    </bdi>
  );
}
