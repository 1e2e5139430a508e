export { serverNow, setServerTime, watchClock } from "./clock.ts";
export { ageText, durationText, roundDurationText } from "./duration.ts";
export { Age, Duration, Elapsed, useAsTimePasses } from "./elapsed.tsx";
export { ForeignName, ForeignText } from "./foreign-text.tsx";
export { decimalText, type MomentStyle, momentText, numberText, percentText } from "./formats.ts";
export {
  isAbnormal,
  MACHINE_STATES,
  type MachineState,
  type ShownState,
  shownState,
  stateMeaning,
  stateWord,
} from "./machine-state.ts";
export { MachineStateMark, MachineStateShape, stateColour } from "./machine-state-mark.tsx";
export { visibleText } from "./visible-text.ts";
