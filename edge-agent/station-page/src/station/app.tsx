import { useEffect, useState } from "react";
import type { Outbox } from "../agent/outbox";
import { EntryBar } from "../entries/entry-bar";
import { MachineTiles } from "../machine/machine-tiles";
import { MachineView } from "../machine/machine-view";
import { Header } from "./header";
import { StationProvider } from "./provider";
import { useStation } from "./station";

export function App({ outbox }: { outbox: Outbox }) {
  const machine = useMachineInAddress();
  return (
    <StationProvider outbox={outbox} machine={machine}>
      <Page machine={machine} />
    </StationProvider>
  );
}

function Page({ machine }: { machine: string | null }) {
  const { view, agent } = useStation();
  const only = view.machines.length === 1 ? view.machines[0] : undefined;
  const shown = only ?? view.machines.find(({ name }) => name === machine);
  return (
    <div className="flex min-h-dvh flex-col">
      <Header />
      <main className={`flex flex-1 flex-col p-3 sm:p-4 ${agent.answers ? "" : "grayscale"}`}>
        {shown ? <MachineView machine={shown} isOnly={only !== undefined} /> : <MachineTiles />}
      </main>
      <EntryBar />
    </div>
  );
}

/** `#press-1`: which machine is shown survives a reload, and the browser's back button works. */
function useMachineInAddress(): string | null {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  try {
    return hash.length > 1 ? decodeURIComponent(hash.slice(1)) : null;
  } catch {
    return null;
  }
}
