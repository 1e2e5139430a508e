import { useId } from "react";
import { durationText, type MachineState, MachineStateMark, percentText } from "screens";
import { Patterns, StateRect } from "./bar.tsx";

/** What the bars mean, and how much of the time each state took. */
export function Legend({ shares }: { shares: { state: MachineState; ms: number }[] }) {
  const id = useId();
  const whole = shares.reduce((sum, share) => sum + share.ms, 0);
  return (
    <ul className="flex flex-wrap gap-x-6 gap-y-1.5 text-sm">
      {shares.map(({ state, ms }) => (
        <li key={state} className="flex items-center gap-2">
          <svg width="22" height="20" aria-hidden="true" className="shrink-0 rounded-sm bg-surface">
            <Patterns id={`${id}${state}`} />
            <StateRect id={`${id}${state}`} state={state} x={0} width={22} base={20} height={20} />
          </svg>
          <MachineStateMark state={state} />
          <span>{durationText(ms)}</span>
          <span className="text-ink-soft">{percentText(ms / whole)}</span>
        </li>
      ))}
    </ul>
  );
}
