import type { ReactNode } from "react";
import { MACHINE_STATES, MachineStateMark, stateMeaning } from "screens";
import { Dialog } from "../parts/dialog.tsx";
import type { Destination } from "./destinations.ts";

/** What the signs mean and what the keys do. */
export function KeyboardHelp({ places, onClose }: { places: readonly Destination[]; onClose: () => void }) {
  return (
    <Dialog title="Signs and keys" onClose={onClose} wide>
      <div className="grid gap-6 sm:grid-cols-[3fr_2fr]">
        <section>
          <h3 className="mb-2 font-semibold">How a machine stands</h3>
          <dl className="grid grid-cols-[max-content_1fr] items-baseline gap-x-4 gap-y-2 text-sm">
            {[...MACHINE_STATES, "never" as const].map((state) => (
              <div key={state} className="contents">
                <dt>
                  <MachineStateMark state={state} />
                </dt>
                <dd className="text-ink-soft">{stateMeaning(state)}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section>
          <h3 className="mb-2 font-semibold">Keys</h3>
          <dl className="grid grid-cols-[max-content_1fr] items-baseline gap-x-4 gap-y-2 text-sm">
            {places.map((place) => (
              <Shortcut key={place.key} keys={["g", place.key]}>
                {place.title}
              </Shortcut>
            ))}
            <Shortcut keys={["?"]}>This help</Shortcut>
            <Shortcut keys={["Esc"]}>Close what is in front</Shortcut>
          </dl>
        </section>
      </div>
    </Dialog>
  );
}

function Shortcut({ keys, children }: { keys: string[]; children: ReactNode }) {
  return (
    <div className="contents">
      <dt className="flex gap-1">
        {keys.map((key) => (
          <kbd key={key} className="rounded border border-edge bg-surface px-1.5 font-mono text-xs leading-5">
            {key}
          </kbd>
        ))}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}
