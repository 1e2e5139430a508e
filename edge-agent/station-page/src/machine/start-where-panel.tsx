import { ForeignName, visibleText } from "screens";
import { newId } from "../agent/agent";
import type { Machine } from "../api";
import { type Order, useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { StateMark } from "./state-mark";

/** A work order was scanned where several machines could take it, or where it is not planned to be worked on. */
export function StartWherePanel({ order: { work_order: workOrder, planned_for } }: { order: Order }) {
  const { view, texts, close, submit, withOperator } = useStation();
  const start = ({ name, job }: Machine) =>
    withOperator((operator) => {
      const action = job ? "switch" : "start";
      const body = { id: newId(), operator, machine: name, action, work_order: workOrder } as const;
      void submit("job", body, texts.labels.job[action](workOrder));
      close();
    });
  return (
    <Panel title={texts.start_where(visibleText(workOrder))}>
      {planned_for && !planned_for.is_here && (
        <p className="mb-4 flex items-center gap-3 rounded-card bg-warning-soft p-4 text-lg text-warning">
          <Icon name="warning" />
          <span>{texts.planned_elsewhere(visibleText(planned_for.title))}</span>
        </p>
      )}
      <ul className="grid gap-2">
        {view.machines.map((machine) => (
          <li key={machine.name}>
            <Button large className="w-full justify-between text-left" onClick={() => start(machine)}>
              <ForeignName max={40}>{machine.title}</ForeignName>
              <StateMark state={machine.state} />
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
