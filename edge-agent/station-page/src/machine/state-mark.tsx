import { MachineStateShape } from "screens";
import type { MachineState } from "../api";
import { useStation } from "../station/station";

/** A state in shape and word, in the operator's language. */
export function StateMark({ state, className = "" }: { state: MachineState; className?: string }) {
  const { texts } = useStation();
  return (
    <span className={`inline-flex items-center gap-[0.4em] font-bold uppercase tracking-wide ${className}`}>
      <MachineStateShape state={state} />
      {texts.states[state]}
    </span>
  );
}
