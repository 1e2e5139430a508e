import type { ReactNode } from "react";
import { type ShownState, stateWord } from "./machine-state.ts";

/** Each state has a shape of its own: told apart without colour, and from across the hall. Drawn on 16 by 16. */
const SHAPES: Record<ShownState, ReactNode> = {
  running: <path fill="currentColor" d="M4 2.1a.8.8 0 0 1 1.2-.7l9 5.9a.8.8 0 0 1 0 1.4l-9 5.9a.8.8 0 0 1-1.2-.7z" />,
  idle: <circle cx="8" cy="8" r="5.6" fill="none" stroke="currentColor" strokeWidth="2.4" />,
  stopped: (
    <path
      fill="currentColor"
      fillRule="evenodd"
      d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1zM4.2 6.8v2.4h7.6V6.8z"
    />
  ),
  setup: (
    <>
      <path
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinejoin="round"
        d="M8 1.6 14.4 8 8 14.4 1.6 8z"
      />
      <path fill="currentColor" d="M8 1.6v12.8L1.6 8z" />
    </>
  ),
  maintenance: (
    <path
      fill="currentColor"
      d="M14.5 4.3 12 6.8l-2.2-.6-.6-2.2 2.5-2.5a4.3 4.3 0 0 0-5.5 5.6L1.7 11.6a1.9 1.9 0 1 0 2.7 2.7l4.5-4.5a4.3 4.3 0 0 0 5.6-5.5z"
    />
  ),
  break: <path fill="currentColor" d="M3 2h3.6v12H3zM9.4 2H13v12H9.4z" />,
  off: (
    <path
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      d="M8 1.6v6M11.6 3.6a5.6 5.6 0 1 1-7.2 0"
    />
  ),
  no_data: (
    <>
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.8" strokeDasharray="2.6 2.27" />
      <path stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" />
    </>
  ),
  never: (
    <path
      fill="currentColor"
      d="M2.6 6.2a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6m5.4 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6m5.4 0a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6"
    />
  ),
};

const COLOURS: Record<ShownState, string> = {
  running: "text-state-running",
  idle: "text-state-idle",
  stopped: "text-state-stopped",
  setup: "text-state-setup",
  maintenance: "text-state-maintenance",
  break: "text-state-break",
  off: "text-state-off",
  no_data: "text-state-no-data",
  never: "text-state-never",
};

/** The class that gives text and shapes a state's colour. */
export const stateColour = (state: ShownState): string => COLOURS[state];

/** Only the shape, as large as the text around it. Whoever uses it alone says the word some other way. */
export function MachineStateShape({ state }: { state: ShownState }) {
  return (
    <svg viewBox="0 0 16 16" className="size-[1em] shrink-0" aria-hidden="true" focusable="false">
      {SHAPES[state]}
    </svg>
  );
}

/** A state in shape and word. `plain` leaves the colour to what stands around it. */
export function MachineStateMark({ state, plain = false }: { state: ShownState; plain?: boolean }) {
  return (
    <span className={`inline-flex items-center gap-[0.45em] font-semibold ${plain ? "" : COLOURS[state]}`}>
      <MachineStateShape state={state} />
      <span className="whitespace-nowrap uppercase tracking-wide">{stateWord(state)}</span>
    </span>
  );
}
