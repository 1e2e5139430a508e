import { ForeignText, visibleText } from "screens";
import { newId } from "../agent/agent";
import type { Machine } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Panel } from "../ui/panel";
import { StateMark } from "./state-mark";

/** A work order was scanned where several machines could take it. */
export function StartWherePanel({ workOrder }: { workOrder: string }) {
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
      <ul className="grid gap-2">
        {view.machines.map((machine) => (
          <li key={machine.name}>
            <Button large className="w-full justify-between text-left" onClick={() => start(machine)}>
              <ForeignText max={40}>{machine.title}</ForeignText>
              <StateMark state={machine.state} />
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
