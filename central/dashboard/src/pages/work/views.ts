export const WORK_VIEWS = ["incidents", "queues", "dead-letters", "deliveries", "alerts"] as const;
export type WorkView = (typeof WORK_VIEWS)[number];
export const WORK_VIEW_WORDS: Record<WorkView, string> = {
  incidents: "Incidents",
  queues: "Queues",
  "dead-letters": "Dead letters",
  deliveries: "Deliveries",
  alerts: "Alerts",
};
