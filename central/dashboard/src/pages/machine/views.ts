/** What is shown under the timeline of a machine. In the address. */
export const MACHINE_VIEWS = ["stops", "counts", "jobs", "scans", "shift-log", "events"] as const;
export type MachineView = (typeof MACHINE_VIEWS)[number];

export const VIEW_WORDS: Record<MachineView, string> = {
  stops: "Stops",
  counts: "Counts",
  jobs: "Jobs",
  scans: "Scans",
  "shift-log": "Shift log",
  events: "Events",
};
