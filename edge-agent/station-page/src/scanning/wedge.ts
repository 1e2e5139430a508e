/** Listens to the keys of the whole page and says what was scanned, wherever the focus is. */

import { decode, type Layout } from "./decode";
import { Framer, type KeyPress, type Verdict } from "./framer";

export interface Wedge {
  scanned(text: string): void;
  /** Whether this is a code the station knows, such as a work order: it tells which keyboard layout is right. */
  isKnown(text: string): boolean;
}

const LAYOUT = "station.scanner_layout";
const SUFFIX = "station.scanner_suffix";
type Field = HTMLInputElement | HTMLTextAreaElement;
/** What a field held before a burst. */
interface Held {
  field: Field;
  value: string;
}

/** Returns how to stop. */
export function listen(wedge: Wedge): () => void {
  const framer = new Framer(localStorage.getItem(SUFFIX) === "yes");
  const swallowed = new Set<string>();
  let before: Held | null = null;
  let timer = 0;

  const follow = (event: KeyboardEvent, verdict: Verdict) => {
    if (verdict.swallow) {
      event.preventDefault();
      event.stopPropagation();
    }
    finish(verdict);
    if (verdict.began) before = snapshot();
  };
  const finish = ({ scan }: Verdict) => {
    if (!scan) return;
    restore(before);
    if (framer.hasSuffix) localStorage.setItem(SUFFIX, "yes");
    const remembered = localStorage.getItem(LAYOUT) as Layout | null;
    const { text, layout, proven } = decode(scan, remembered, wedge.isKnown);
    if (proven) localStorage.setItem(LAYOUT, layout);
    wedge.scanned(text);
  };
  const pressed = (event: KeyboardEvent) => {
    const verdict = framer.press(pressOf(event));
    if (verdict.swallow) swallowed.add(event.code);
    else swallowed.delete(event.code);
    follow(event, verdict);
    clearTimeout(timer);
    timer = window.setTimeout(() => finish(framer.pause(performance.now())), framer.patienceMs + 20);
  };
  const released = (event: KeyboardEvent) => {
    follow(event, framer.release(event));
    // A button acts when the space bar is let go.
    if (swallowed.delete(event.code)) event.preventDefault();
  };

  window.addEventListener("keydown", pressed, { capture: true });
  window.addEventListener("keyup", released, { capture: true });
  return () => {
    clearTimeout(timer);
    window.removeEventListener("keydown", pressed, { capture: true });
    window.removeEventListener("keyup", released, { capture: true });
  };
}

function pressOf(event: KeyboardEvent): KeyPress {
  return {
    key: event.key,
    code: event.code,
    at: event.timeStamp,
    shift: event.shiftKey,
    ctrl: event.ctrlKey,
    alt: event.altKey,
    meta: event.metaKey,
    altGraph: event.getModifierState("AltGraph"),
    capsLock: event.getModifierState("CapsLock"),
    repeat: event.repeat,
    editable: fieldUnderFocus() !== null,
  };
}

function fieldUnderFocus(): Field | null {
  const element = document.activeElement;
  if (element instanceof HTMLTextAreaElement) return element;
  return element instanceof HTMLInputElement && !["range", "checkbox", "radio", "button"].includes(element.type)
    ? element
    : null;
}

function snapshot(): Held | null {
  const field = fieldUnderFocus();
  return field && { field, value: field.value };
}

/** Puts back what the field held, in a way that React notices. */
function restore(held: Held | null) {
  if (!held || held.field.value === held.value) return;
  const prototype = held.field instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(prototype.prototype, "value")?.set?.call(held.field, held.value);
  held.field.dispatchEvent(new Event("input", { bubbles: true }));
}
