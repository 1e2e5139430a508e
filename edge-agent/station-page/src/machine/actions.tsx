import { newId } from "../agent/agent";
import type { JobChange, Machine } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { isUnexplained, pastUnexplained, runningStop } from "./stops";

/** What can be done at this machine. What is due comes first and is the only filled button. */
export function Actions({ machine }: { machine: Machine }) {
  const { texts, open, withOperator } = useStation();
  const name = machine.name;
  const { job } = machine;
  const change = useJobChange(machine);
  const stop = runningStop(machine);
  const asksWhy = stop !== undefined && isUnexplained(stop);
  const report = (look: "primary" | "plain") => (
    <Button
      large
      look={look}
      className={look === "primary" ? "col-span-2 min-h-20 text-xl md:col-span-1" : "col-span-2 md:col-span-1"}
      onClick={() => withOperator(() => open({ is: "pieces", machine: name }))}
    >
      <Icon name="pieces" className="size-7" />
      {texts.report_pieces}
    </Button>
  );
  const first = "col-span-2 min-h-20 text-xl md:col-span-1";
  const due = asksWhy ? "plain" : "primary";
  return (
    <div className="grid grid-cols-2 content-start gap-2 sm:gap-3 md:grid-cols-1">
      {!job && (
        <Button
          large
          look={due}
          className={first}
          onClick={() => withOperator(() => open({ is: "job", machine: name }))}
        >
          <Icon name="play" className="size-7" />
          {texts.start_job}
        </Button>
      )}
      {job?.paused && (
        <Button large look={due} className={first} onClick={() => change("start")}>
          <Icon name="play" className="size-7" />
          {texts.resume_job}
        </Button>
      )}
      {report(job && !job.paused ? due : "plain")}
      {job && (
        <div className="col-span-2 grid grid-cols-2 gap-2 sm:gap-3 md:col-span-1">
          {!job.paused && (
            <Button large className="px-2" onClick={() => change("pause")}>
              <Icon name="pause" />
              {texts.pause_job}
            </Button>
          )}
          <Button
            large
            className={job.paused ? "col-span-2" : "px-2"}
            onClick={() => withOperator(() => open({ is: "finish", machine: name }))}
          >
            <Icon name="finish" />
            {texts.finish_job}
          </Button>
          <Button large className="col-span-2" onClick={() => withOperator(() => open({ is: "job", machine: name }))}>
            <Icon name="change" />
            {texts.switch_job}
          </Button>
        </div>
      )}
      <StopsButton machine={machine} />
      <Button large onClick={() => withOperator(() => open({ is: "note", machine: name }))}>
        <Icon name="note" />
        {texts.shift_note}
      </Button>
      <HelpButton machine={machine} />
    </div>
  );
}

function useJobChange(machine: Machine): (action: "start" | "pause") => void {
  const { texts, submit, withOperator } = useStation();
  return (action) =>
    withOperator((operator) => {
      if (!machine.job) return;
      const { work_order } = machine.job;
      const body: JobChange = { id: newId(), operator, machine: machine.name, action, work_order };
      void submit("job", body, texts.labels.job[action](work_order));
    });
}

function StopsButton({ machine }: { machine: Machine }) {
  const { texts, open } = useStation();
  const missing = pastUnexplained(machine).length > 0;
  return (
    <Button large onClick={() => open({ is: "stops", machine: machine.name })}>
      <Icon name={missing ? "warning" : "stops"} className={missing ? "size-7 text-warning" : "size-6"} />
      <span>
        {texts.stops}
        {missing && <span className="block font-normal text-base text-warning">{texts.reasons_missing}</span>}
      </span>
    </Button>
  );
}

/** Help needs no log-on: whoever needs it may call. */
function HelpButton({ machine }: { machine: Machine }) {
  const { texts, formats, submit, operator } = useStation();
  const called_at = machine.help_called_at;
  const toggle = () => {
    const body = { id: newId(), operator, machine: machine.name, active: called_at === null };
    void submit("help", body, called_at === null ? texts.labels.help : texts.labels.help_over);
  };
  return (
    <Button
      large
      look={called_at ? "warning" : "plain"}
      className="col-span-2 md:col-span-1"
      aria-pressed={called_at !== null}
      onClick={toggle}
    >
      <Icon name="help" className="size-7" />
      {called_at ? (
        <span>
          {texts.help_called(formats.time(called_at))}
          <span className="block font-normal text-base">{texts.help_called_hint}</span>
        </span>
      ) : (
        texts.call_help
      )}
    </Button>
  );
}
