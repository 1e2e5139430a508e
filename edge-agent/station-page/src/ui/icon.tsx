import type { ReactNode } from "react";

const line = {
  fill: "none",
  stroke: "currentColor",
  strokeWidth: 2,
  strokeLinecap: "round",
  strokeLinejoin: "round",
} as const;

const ICONS = {
  plus: <path d="M12 5v14M5 12h14" {...line} />,
  close: <path d="m6 6 12 12M18 6 6 18" {...line} />,
  back: <path d="M14.5 5.5 8 12l6.5 6.5" {...line} />,
  forward: <path d="M9.5 5.5 16 12l-6.5 6.5" {...line} />,
  play: <path d="M7 4.5v15l12-7.5z" fill="currentColor" />,
  pause: <path d="M6 5h4v14H6zM14 5h4v14h-4z" fill="currentColor" />,
  finish: <path d="M6 21V4h12l-3 4.5 3 4.5H6" {...line} />,
  change: <path d="M4 8h14l-3.5-3.5M20 16H6l3.5 3.5" {...line} />,
  pieces: <path d="M4 7.5 12 3l8 4.5v9L12 21l-8-4.5zM4 7.5l8 4.5 8-4.5M12 12v9" {...line} />,
  stops: <path d="M8.5 3h7L21 8.5v7L15.5 21h-7L3 15.5v-7zM8 12h8" {...line} />,
  note: <path d="M5 4h14v11l-5 5H5zM9 9h6M9 13h3" {...line} />,
  help: <path d="M12 3a5.5 5.5 0 0 1 5.5 5.5V14l2 3h-15l2-3V8.5A5.5 5.5 0 0 1 12 3zM10 20.5h4" {...line} />,
  list: <path d="M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01" {...line} />,
  person: <path d="M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0" {...line} />,
  leave: <path d="M10 4H5v16h5M14 8l4 4-4 4M18 12H9" {...line} />,
  badge: (
    <path
      d="M4 7h16v13H4zM10 7V3h4v4M12 13.4a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM8.5 17.5c.6-3 6.4-3 7 0"
      {...line}
    />
  ),
  barcode: <path d="M4 5v14M7.5 5v14M11 5v14M13 5v14M17 5v14M20 5v14" {...line} />,
  sound: <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.6 7.6 0 0 1 0 11" {...line} />,
  soundOff: <path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5" {...line} />,
  sun: (
    <path
      d="M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5"
      {...line}
    />
  ),
  moon: <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z" {...line} />,
  split: <path d="M12 3v18M8 8l-4 4 4 4M16 8l4 4-4 4" {...line} />,
  undo: <path d="M8 5 4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11h-4" {...line} />,
  erase: <path d="M9 5h12v14H9l-6-7zM12.5 9.5l5 5M17.5 9.5l-5 5" {...line} />,
  check: <path d="m4.5 12.5 5 5 10-11" {...line} strokeWidth={2.8} />,
  checks: <path d="m2 12.5 4.5 4.5L15 8M11.5 16l1 1L22 7" {...line} />,
  again: <path d="M5 9.5h14M5 14.5h14" {...line} strokeWidth={2.8} />,
  cross: <path d="m6 6 12 12M18 6 6 18" {...line} strokeWidth={3} />,
  wait: <path d="M7 3h10M7 21h10M8 3v4l4 5 4-5V3M8 21v-4l4-5 4 5v4" {...line} />,
  warning: <path d="M12 3.5 22 20.5H2zM12 10v4.5M12 17.6v.01" {...line} />,
  linked: (
    <path d="M5 12.5a10 10 0 0 1 14 0M8 15.7a5.7 5.7 0 0 1 8 0M2 9.3a14.2 14.2 0 0 1 20 0M12 19.2v.01" {...line} />
  ),
  unlinked: (
    <path
      d="M8 15.7a5.7 5.7 0 0 1 8 0M12 19.2v.01M5 12.5a10 10 0 0 1 4-2.4M19 12.5a10 10 0 0 0-2.5-1.8M2 9.3a14 14 0 0 1 4-2.7M22 9.3a14.200 14.2 0 0 0-10-3.900M3.500 3.500l17 17"
      {...line}
    />
  ),
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof ICONS;

/** A drawing beside a word, never in its place unless the button says its name some other way. */
export function Icon({ name, className = "size-6" }: { name: IconName; className?: string }) {
  return (
    <svg viewBox="0 0 24 24" className={`shrink-0 ${className}`} aria-hidden="true" focusable="false">
      {ICONS[name]}
    </svg>
  );
}
