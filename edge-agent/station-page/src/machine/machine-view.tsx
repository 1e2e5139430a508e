import type { Machine } from "../api";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";
import { Actions } from "./actions";
import { Counts } from "./counts";
import { JobCard } from "./job-card";
import { StateCard } from "./state-card";

/** One machine: what it does, what it works on, what came out, and what can be done about it. */
export function MachineView({ machine, isOnly }: { machine: Machine; isOnly: boolean }) {
  const { texts } = useStation();
  return (
    <>
      {!isOnly && (
        <a href="#/" className="mb-2 inline-flex min-h-12 items-center gap-1 self-start pr-4 font-medium">
          <Icon name="back" />
          {texts.all_machines}
        </a>
      )}
      <div className="grid flex-1 gap-3 max-md:content-start sm:gap-4 md:grid-cols-[minmax(0,1fr)_17rem] lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="flex flex-col gap-3 sm:gap-4">
          <StateCard machine={machine} />
          <JobCard machine={machine} />
          <Counts machine={machine} />
        </div>
        <Actions machine={machine} />
      </div>
    </>
  );
}
