import { ForeignName } from "screens";
import { newId } from "../agent/agent";
import { type Machine, WORK_ORDERS_SHOWN, type WorkOrder } from "../api";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";

/** Starts a job, or switches to another: pick the work order, or scan it. */
export function JobPanel({ machine }: { machine: Machine }) {
  const { view, texts, formats, close, submit, withOperator } = useStation();
  const action = machine.job ? "switch" : "start";
  const choose = ({ code }: WorkOrder) =>
    withOperator((operator) => {
      const body = { id: newId(), operator, machine: machine.name, action, work_order: code } as const;
      void submit("job", body, texts.labels.job[action](code));
      close();
    });
  const others = view.work_orders.filter(({ code }) => code !== machine.job?.work_order);
  const here = others.filter((order) => order.machine === null || order.machine === machine.name);
  const elsewhere = others.filter((order) => order.machine !== null && order.machine !== machine.name);
  return (
    <Panel title={action === "start" ? texts.start_job : texts.switch_job} wide>
      <p className="mb-4 flex items-center gap-3 text-ink-soft text-lg">
        <Icon name="barcode" className="size-8" />
        {others.length > 0 ? texts.or_scan_order : machine.job ? texts.no_other_work_orders : texts.no_work_orders}
      </p>
      <Orders orders={here} onChoose={choose} />
      {elsewhere.length > 0 && (
        <>
          <h3 className="mt-6 mb-2 font-semibold text-lg">{texts.other_machines}</h3>
          <Orders orders={elsewhere} onChoose={choose} />
        </>
      )}
      {view.work_orders.length >= WORK_ORDERS_SHOWN && (
        <p className="mt-4 text-ink-soft text-lg">{texts.work_orders_cut(formats.number(WORK_ORDERS_SHOWN))}</p>
      )}
    </Panel>
  );
}

function Orders({ orders, onChoose }: { orders: WorkOrder[]; onChoose: (order: WorkOrder) => void }) {
  const { texts, formats } = useStation();
  return (
    <ul className="grid gap-2 md:grid-cols-2">
      {orders.map((order) => (
        <li key={order.code}>
          <button
            type="button"
            onClick={() => onChoose(order)}
            className="flex min-h-20 w-full items-center gap-4 rounded-card border-2 border-line bg-raised px-4 py-2 text-left active:bg-trough"
          >
            <span className="min-w-0 flex-1">
              <strong className="block text-lg">
                <ForeignName max={40}>{order.code}</ForeignName>
              </strong>
              <ForeignName max={60}>{order.product_title}</ForeignName>
              {order.due_at && (
                <span className="block text-ink-soft text-sm">{texts.due(formats.day(order.due_at))}</span>
              )}
            </span>
            {order.quantity !== null && <span className="text-xl">{formats.number(order.quantity)}</span>}
            <Icon name="play" className="size-7" />
          </button>
        </li>
      ))}
    </ul>
  );
}
