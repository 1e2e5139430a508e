/** What is known of a machine's stops. */

import type { Machine, Reason, Stop } from "../api";

/** The stop that lasts. */
export const runningStop = ({ stops }: Machine): Stop | undefined => stops.find(({ ended_at }) => ended_at === null);

/** It asks for a reason here: a part that was split off at central is explained there. */
export const isUnexplained = ({ reason, split_at_central }: Stop): boolean =>
  reason === null && split_at_central === null;

/** Ended, and nobody has said why. */
export const pastUnexplained = ({ stops }: Machine): Stop[] =>
  stops.filter((stop) => stop.ended_at !== null && isUnexplained(stop));

/** The title of the reason that holds. */
export const titleOf = (reasons: Reason[], { reason, corrected }: Stop): string | null =>
  reason === null ? null : (reasons.find(({ code }) => code === reason)?.title ?? corrected?.title ?? reason);

/** The title of a reason; its code when the reason is gone. */
export const reasonTitle = (reasons: Reason[], code: string): string =>
  reasons.find((reason) => reason.code === code)?.title ?? code;
