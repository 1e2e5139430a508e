import type { Board, BoardMachine } from "../api/types.ts";

/** The board as the stream of events makes it. Pure: no clock, no connection. */

export type BoardEvent =
  | { event: "board"; data: Board }
  | { event: "machines"; data: Board }
  | { event: "removed"; data: { ids: number[] } }
  | { event: "heartbeat"; data: { at: string } };

/** Machines by their id. A machine that did not change stays the same object: what shows it need not render again. */
export type Machines = ReadonlyMap<number, BoardMachine>;

export const NO_MACHINES: Machines = new Map();

export function applyEvent(before: Machines, event: BoardEvent): Machines {
  switch (event.event) {
    case "board":
      return replaced(before, event.data.machines, new Map());
    case "machines":
      return replaced(before, event.data.machines, new Map(before));
    case "removed": {
      const after = new Map(before);
      for (const id of event.data.ids) after.delete(id);
      return after.size === before.size ? before : after;
    }
    case "heartbeat":
      return before;
  }
}

function replaced(before: Machines, machines: BoardMachine[], after: Map<number, BoardMachine>): Machines {
  for (const machine of machines) {
    const known = before.get(machine.id);
    after.set(machine.id, known && JSON.stringify(known) === JSON.stringify(machine) ? known : machine);
  }
  const changed =
    after.size !== before.size || machines.some((machine) => after.get(machine.id) !== before.get(machine.id));
  return changed ? after : before;
}
