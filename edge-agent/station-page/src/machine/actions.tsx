import type { ComponentProps } from "react";
import { newId } from "../agent/agent";
import type { JobChange, Machine } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon, type IconName } from "../ui/icon";
import { isUnexplained, pastUnexplained, runningStop } from "./stops";

/** What can be done at this machine. What is due comes first and is the only filled button. */
export function Actions({ machine }: { machine: Machine }) {
  const { view, texts, open, withOperator } = useStation();
  const { name, job } = machine;
  const change = useJobChange(machine);
  const stop = runningStop(machine);
  // Before it come the log-on and the reason of a stop.
  const isDue = view.operators.length > 0 && !(stop && isUnexplained(stop));
  const isAtWork = job !== null && !job.paused;
  const choose = () => withOperator(() => open({ is: "job", machine: name }));
  return (
    <div className="grid grid-cols-2 content-start gap-2 md:grid-cols-1 md:gap-3 short:grid-cols-2 short:gap-2">
      {!job && <Action first due={isDue} icon="play" word={texts.start_job} onClick={choose} />}
      {job?.paused && <Action first due={isDue} icon="play" word={texts.resume_job} onClick={() => change("start")} />}
      <Action
        first={isAtWork}
        due={isAtWork && isDue}
        icon="pieces"
        word={texts.report_pieces}
        className="col-span-full"
        onClick={() => withOperator(() => open({ is: "pieces", machine: name }))}
      />
      {isAtWork && <Action icon="pause" word={texts.pause_job} onClick={() => change("pause")} />}
      {job && (
        <Action
          icon="finish"
          word={texts.finish_job}
          onClick={() => withOperator(() => open({ is: "finish", machine: name }))}
        />
      )}
      {job && <Action icon="change" word={texts.switch_job} onClick={choose} />}
      <StopsAction machine={machine} />
      <Action
        icon="note"
        word={texts.shift_note}
        onClick={() => withOperator(() => open({ is: "note", machine: name }))}
      />
      <HelpAction machine={machine} className={isAtWork ? "" : "col-span-full"} />
    </div>
  );
}

/** `first` is what most taps are for; `due` fills it. */
function Action({
  icon,
  word,
  hint,
  first = false,
  due = false,
  className = "",
  iconColour = "",
  ...rest
}: {
  icon: IconName;
  word: string;
  hint?: string;
  first?: boolean;
  due?: boolean;
  iconColour?: string;
} & ComponentProps<typeof Button>) {
  const size = first ? "col-span-full min-h-20! text-xl! font-semibold" : "";
  return (
    <Button
      large
      look={due ? "primary" : "plain"}
      {...rest}
      className={`px-4! text-left! justify-start! md:gap-4 md:px-5! short:gap-2 short:px-3! ${size} ${className}`}
    >
      <Icon name={icon} className={`size-7 ${iconColour}`} />
      <span className="min-w-0">
        {word}
        {hint && <span className={`block font-normal text-base ${iconColour}`}>{hint}</span>}
      </span>
    </Button>
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

function StopsAction({ machine }: { machine: Machine }) {
  const { texts, open } = useStation();
  const onClick = () => open({ is: "stops", machine: machine.name });
  return pastUnexplained(machine).length > 0 ? (
    <Action
      icon="warning"
      iconColour="text-warning"
      word={texts.stops}
      hint={texts.reasons_missing}
      onClick={onClick}
    />
  ) : (
    <Action icon="stops" word={texts.stops} onClick={onClick} />
  );
}

/** Help needs no log-on: whoever needs it may call. */
function HelpAction({ machine, className }: { machine: Machine; className: string }) {
  const { texts, formats, submit, operator } = useStation();
  const called_at = machine.help_called_at;
  const toggle = () => {
    const body = { id: newId(), operator, machine: machine.name, active: called_at === null };
    void submit("help", body, called_at === null ? texts.labels.help : texts.labels.help_over);
  };
  return called_at === null ? (
    <Action icon="help" word={texts.call_help} className={className} onClick={toggle} />
  ) : (
    <Action
      look="warning"
      icon="help"
      word={texts.help_called(formats.time(called_at))}
      hint={texts.help_called_hint}
      className={className}
      onClick={toggle}
    />
  );
}
