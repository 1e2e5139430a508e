import { useEffect, useRef, useState } from "react";

/** The size of an element, followed. Zero until it is known. */
export function useSize<T extends HTMLElement>() {
  const element = useRef<T>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, size] as const;
}

/** Whether fingers are at work: a field that takes the focus by itself brings up a keyboard over half of the screen. */
export const isTouched = (): boolean => matchMedia("(pointer: coarse)").matches;

/** Keeps the screen on where the browser can; asked again after every look away. */
export function useScreenAwake(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | undefined;
    const ask = async () => {
      if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
      // Refused on low battery and without HTTPS: the wall's own settings must do it then.
      lock = await navigator.wakeLock.request("screen").catch(() => undefined);
    };
    void ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      document.removeEventListener("visibilitychange", ask);
      void lock?.release();
    };
  }, []);
}

const CURSOR_RESTS_MS = 3_000;

/** Whether the pointer has rested long enough to be in the way. */
export function useHiddenCursor(): boolean {
  const [hidden, setHidden] = useState(true);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const onMove = () => {
      setHidden(false);
      clearTimeout(timer);
      timer = setTimeout(() => setHidden(true), CURSOR_RESTS_MS);
    };
    document.addEventListener("pointermove", onMove);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("pointermove", onMove);
    };
  }, []);
  return hidden;
}
