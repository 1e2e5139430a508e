/** What is known of a machine's stops. */

import type { Machine, Reason, Stop } from "../api";

/** The stop that lasts. */
export const runningStop = ({ stops }: Machine): Stop | undefined => stops.find(({ ended_at }) => ended_at === null);

export const isUnexplained = ({ reason }: Stop): boolean => reason === null;

/** Ended, and nobody has said why. */
export const pastUnexplained = ({ stops }: Machine): Stop[] =>
  stops.filter((stop) => stop.ended_at !== null && isUnexplained(stop));

/** The title of a reason; its code when the reason is gone. */
export const reasonTitle = (reasons: Reason[], code: string): string =>
  reasons.find((reason) => reason.code === code)?.title ?? code;
