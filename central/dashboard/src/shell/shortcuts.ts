import { useEffect, useRef } from "react";

interface Shortcuts {
  /** `g` and then a letter. */
  go: (key: string) => void;
  /** `?` */
  help: () => void;
}

/** Between the two keys of one shortcut. */
const TOGETHER_MS = 1_200;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    let armed_at_ms = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "?") return latest.current.help();
      if (event.key === "g") {
        armed_at_ms = Date.now();
        return;
      }
      if (Date.now() - armed_at_ms < TOGETHER_MS) latest.current.go(event.key);
      armed_at_ms = 0;
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
