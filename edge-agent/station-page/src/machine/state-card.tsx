import { Elapsed, ForeignText, stateColour } from "screens";
import { newId } from "../agent/agent";
import type { Machine, Stop } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { ReasonGrid } from "../ui/reason-grid";
import { AtCentral } from "./at-central";
import { StateMark } from "./state-mark";
import { isUnexplained, runningStop, titleOf } from "./stops";

/** The state, seen from across the aisle, and the question that a stop without a reason asks. */
export function StateCard({ machine }: { machine: Machine }) {
  const isStopped = machine.state === "stopped";
  const stop = runningStop(machine);
  const colours = isStopped ? "bg-alarm-fill text-on-alarm" : "bg-surface";
  return (
    <section aria-label={machine.title} className="overflow-hidden rounded-card bg-surface">
      <div className={`px-4 py-3 sm:px-6 sm:py-4 ${colours}`}>
        <h2 className={`font-medium text-lg ${isStopped ? "" : "text-ink-soft"}`}>
          <ForeignText max={60}>{machine.title}</ForeignText>
        </h2>
        <p className="mt-1 flex flex-wrap items-center justify-between gap-x-6">
          <StateMark
            state={machine.state}
            className={`text-4xl sm:text-5xl xl:text-6xl ${isStopped ? "" : stateColour(machine.state)}`}
          />
          <span className="font-medium text-3xl sm:text-4xl xl:text-5xl">
            <Elapsed since={machine.state_since} />
          </span>
        </p>
        {stop && !isUnexplained(stop) && <Explained machine={machine} stop={stop} />}
      </div>
      {stop && isUnexplained(stop) && <Question machine={machine} stop={stop} />}
    </section>
  );
}

function Explained({ machine, stop }: { machine: Machine; stop: Stop }) {
  const { view, texts, open } = useStation();
  return (
    <div className="mt-2 flex flex-wrap items-center justify-between gap-3">
      <div>
        <p className="text-2xl">
          <ForeignText max={60}>{titleOf(view.reasons.downtime, stop) ?? ""}</ForeignText>
        </p>
        <AtCentral stop={stop} />
      </div>
      <Button onClick={() => open({ is: "stop", machine: machine.name, stop: stop.stop })}>
        {texts.change_reason}
      </Button>
    </div>
  );
}

function Question({ machine, stop }: { machine: Machine; stop: Stop }) {
  const { view, texts, submit, withOperator } = useStation();
  return (
    <div className="border-alarm-fill border-x-2 border-b-2 p-4 sm:px-6">
      <h3 className="mb-3 font-semibold text-2xl">{texts.why_stopped}</h3>
      <ReasonGrid
        grouped
        reasons={view.reasons.downtime}
        chosen={null}
        onChoose={({ code, title }) =>
          withOperator((operator) => {
            const body = { id: newId(), operator, machine: machine.name, stop: stop.stop, reason: code };
            void submit("stop/reason", body, texts.labels.reason(title));
          })
        }
      />
    </div>
  );
}
