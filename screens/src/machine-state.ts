/** The states of a machine as the protocol knows them, and `never` for a machine that nothing was ever heard of. */
export const MACHINE_STATES = [
  "running",
  "idle",
  "stopped",
  "setup",
  "maintenance",
  "break",
  "off",
  "no_data",
] as const;

export type MachineState = (typeof MACHINE_STATES)[number];
/** What is shown: a state, or that there never was one. */
export type ShownState = MachineState | "never";

const WORDS: Record<ShownState, string> = {
  running: "Running",
  idle: "Idle",
  stopped: "Stopped",
  setup: "Setup",
  maintenance: "Maintenance",
  break: "Break",
  off: "Off",
  no_data: "No data",
  never: "Never heard",
};

const MEANINGS: Record<ShownState, string> = {
  running: "It makes pieces, or could.",
  idle: "It could run and waits, for work or material.",
  stopped: "It should run and does not.",
  setup: "Somebody prepares it for another job.",
  maintenance: "Somebody maintains or repairs it.",
  break: "The crew is on a break.",
  off: "It is switched off.",
  no_data: "Nothing can be read from it: nobody knows.",
  never: "It is set up, but nothing was ever heard of it.",
};

/** What to show for a state as the API tells it: a word this page does not know is shown as no data. */
export function shownState(state: string | null | undefined): ShownState {
  if (state == null) return "never";
  return MACHINE_STATES.find((known) => known === state) ?? "no_data";
}

export const stateWord = (state: ShownState): string => WORDS[state];
export const stateMeaning = (state: ShownState): string => MEANINGS[state];

/** Whether somebody should look: stopped, or unknown. */
export const isAbnormal = (state: ShownState): boolean =>
  state === "stopped" || state === "no_data" || state === "never";
