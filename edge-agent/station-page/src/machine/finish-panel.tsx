import { visibleText } from "screens";
import { newId } from "../agent/agent";
import type { Machine } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { JobCard } from "./job-card";

/** Asks before a job ends: it is the one tap that a slip of the glove must not do. */
export function FinishPanel({ machine }: { machine: Machine }) {
  const { texts, close, submit, withOperator } = useStation();
  const { job } = machine;
  if (!job) return null;
  const finish = () =>
    withOperator((operator) => {
      const { work_order } = job;
      const body = { id: newId(), operator, machine: machine.name, action: "finish", work_order } as const;
      void submit("job", body, texts.labels.job.finish(work_order));
      close();
    });
  return (
    <Panel
      title={texts.finish_question(visibleText(job.work_order))}
      footer={
        <div className="grid grid-cols-2 gap-3">
          <Button large onClick={close}>
            {texts.cancel}
          </Button>
          <Button large look="primary" onClick={finish} data-first>
            <Icon name="finish" />
            {texts.finish_job}
          </Button>
        </div>
      }
    >
      <p className="mb-4 text-lg">{texts.finish_hint}</p>
      <JobCard machine={machine} />
    </Panel>
  );
}
