/** The board as the stream of events makes it. Pure: no clock, no connection. */

export interface Job {
  work_order: string;
  product: string | null;
  product_title: string | null;
  quantity: number | null;
  good: number | null;
  since: string;
  ideal_cycle_ms: number | null;
  expected: number | null;
}

export interface OpenStop {
  stop: number;
  agent_id: number;
  began_at: string;
  reason: string | null;
}

export interface BoardMachine {
  id: number;
  plant: string;
  plant_id: number;
  line: string | null;
  name: string;
  title: string;
  agent: string;
  state: string | null;
  state_since: string | null;
  reported_at: string | null;
  last_reading_at: string | null;
  good: number;
  scrap: number;
  rework: number;
  job: Job | null;
  unexplained_stops: number;
  open_stop: OpenStop | null;
  operators: string[];
}

export interface Board {
  at: string;
  machines: BoardMachine[];
}

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
