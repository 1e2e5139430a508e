import { EntriesPanel } from "./entries/entries-panel";
import { FinishPanel } from "./machine/finish-panel";
import { JobPanel } from "./machine/job-panel";
import { PiecesPanel } from "./machine/pieces-panel";
import { ShiftNotePanel } from "./machine/shift-note-panel";
import { StartWherePanel } from "./machine/start-where-panel";
import { StopPanel } from "./machine/stop-panel";
import { StopsPanel } from "./machine/stops-panel";
import { LogOnPanel } from "./operators/log-on-panel";
import { CentralPanel } from "./station/central-panel";
import { type Dialog, useStation } from "./station/station";

/** What is open over the page. Nothing, when its machine or stop has gone meanwhile. */
export function DialogView({ dialog }: { dialog: Dialog }) {
  const { view } = useStation();
  if (dialog.is === "log_on")
    return <LogOnPanel goesOn={dialog.afterwards !== null} asksWho={dialog.question !== undefined} />;
  if (dialog.is === "entries") return <EntriesPanel />;
  if (dialog.is === "central") return <CentralPanel />;
  if (dialog.is === "start_where") return <StartWherePanel order={dialog.order} />;
  const machine = view.machines.find(({ name }) => name === dialog.machine);
  if (!machine) return null;
  switch (dialog.is) {
    case "pieces":
      return <PiecesPanel machine={machine} />;
    case "job":
      return <JobPanel machine={machine} />;
    case "finish":
      return <FinishPanel machine={machine} />;
    case "stops":
      return <StopsPanel machine={machine} />;
    case "stop": {
      const stop = machine.stops.find(({ stop }) => stop === dialog.stop);
      return stop ? <StopPanel key={stop.stop} machine={machine} stop={stop} /> : <StopsPanel machine={machine} />;
    }
    case "note":
      return <ShiftNotePanel machine={machine} />;
  }
}
