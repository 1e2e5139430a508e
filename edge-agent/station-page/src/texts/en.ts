import type { JobChange, MachineState, Refusal } from "../api";

/** What the page says, in English. The other languages have exactly these keys: a missing one does not compile. */
export const en = {
  locale: "en-GB",
  other_language: "Deutsch",

  states: {
    running: "Running",
    idle: "Idle",
    stopped: "Stopped",
    setup: "Setup",
    maintenance: "Maintenance",
    break: "Break",
    off: "Off",
    no_data: "No data",
  } satisfies Record<MachineState, string>,

  loading: "The station is opening …",
  loading_fails: "The station's computer does not answer yet. Trying again …",

  central_reachable: "Connected",
  central_offline: (since: string) => `Offline since ${since} — entries are kept here`,
  central_waiting: (count: string) => `${count} waiting`,
  central_details: "Connection to central",
  central_is_reachable: "Entries reach central at once.",
  central_is_offline:
    "Go on working: everything entered here is kept on the station's computer and sent as soon as the network is back.",
  last_sync: (at: string) => `Last contact ${at}`,
  waiting_events: (count: string) => `${count} events wait for central`,
  station_lost: (since: string) => `The station's computer has not answered since ${since}`,
  station_lost_hint: "What you enter is kept in this browser and stored as soon as it answers. Figures may be old.",

  sound_off: "Turn the sound off",
  sound_on: "Turn the sound on",
  theme_light: "Light screen",
  theme_dark: "Dark screen",
  close: "Close",
  back: "Back",
  cancel: "Cancel",

  operators: "Operators",
  log_on: "Log on",
  log_off_name: (name: string) => `Log off ${name}`,
  use_operator: (name: string) => `Work as ${name}`,
  scan_badge: "Scan your badge",
  or_number: "or enter number and PIN",
  number: "Number",
  pin: "PIN",
  not_ready: "No operator is known here yet: this station must reach central once.",
  log_on_first: "Log on first; then it goes on.",
  who_works: "Whose entry is it?",

  all_machines: "All machines",
  choose_machine: "Choose a machine",
  no_machines: "No machine belongs to this station yet.",
  no_machines_hint: "They are named in the configuration of this computer (edge-agent): tell whoever looks after it.",
  job: "Job",
  no_job: "No job",
  no_job_hint: "Scan a work order or start a job.",
  paused: "Paused",
  of_quantity: (quantity: string) => `of ${quantity}`,
  good: "Good",
  scrap: "Scrap",
  rework: "Rework",
  pieces_of_shift: (since: string) => `This shift, since ${since}`,
  pieces_of_day: (since: string) => `Today, since ${since}`,

  report_pieces: "Report pieces",
  start_job: "Start a job",
  resume_job: "Resume job",
  pause_job: "Pause job",
  finish_job: "Finish job",
  switch_job: "Switch job",
  stops: "Stops",
  reasons_missing: "Reason missing",
  shift_note: "Shift note",
  call_help: "Call for help",
  help_called: (at: string) => `Help called ${at}`,
  help_called_hint: "Tap when help has come",
  entries: "Entries",

  why_stopped: "Why is it stopped?",
  planned: "Planned",
  unplanned: "Unplanned",
  change_reason: "Change reason",
  from_central: "From central",
  reason_from_central: "Reason given at central by",
  split_at_central: "Split at central by",
  said_here: "Said here:",
  central_holds: "This reason holds. What you enter here is kept and shown beside it at central.",
  explain_at_central: "This part was made at central. It is explained there, on the dashboard.",
  no_reason: "No reason",
  no_reasons_known: "No reasons are known here yet: they come from central.",
  no_stops: "No stop in the last 24 hours.",
  until_now: "now",
  reason: "Reason",
  note: "Note",
  store_note: "Store note",
  split: "Split",
  split_hint: "Choose when the reason changed. Both parts then have their own reason.",
  split_at: (time: string) => `Split at ${time}`,
  first_part: "First part",
  second_part: "Second part",
  minute_earlier: "1 min earlier",
  minute_later: "1 min later",
  too_short_to_split: "This stop is too short to split.",
  split_when_over: "This stop is not over. Split it when it has ended.",

  pieces_reason: "Reason for scrap and rework",
  counts_itself: "This machine counts its pieces itself. Scrap and rework are taken from its good pieces.",
  good_not_counted: "Good, not counted",
  choose_reason: "Choose a reason",
  enter_pieces: "Enter pieces",
  store: (what: string) => `Store ${what}`,
  delete_digit: "Delete digit",
  clear: "Clear",

  or_scan_order: "Choose a work order, or scan it.",
  no_work_orders: "No work order is open here. They come from central: ask the shift lead.",
  no_other_work_orders: "No other work order is open here.",
  work_orders_cut: (count: string) => `Only the next ${count} are listed here. Any other can be scanned.`,
  other_machines: "For other machines",
  due: (at: string) => `due ${at}`,
  finish_question: (order: string) => `Finish ${order}?`,
  finish_hint: "The job ends here. Pause it to go on later.",
  start_where: (order: string) => `Start ${order} — on which machine?`,
  planned_elsewhere: (machine: string) =>
    `This work order is planned for ${machine}, which is not at this station. Start it here all the same?`,

  note_for_next: "For the next shift",
  note_placeholder: "What should the next shift know?",

  no_entries: "Nothing was entered in the last 24 hours.",
  undo: "Undo",
  undone: "Taken back",
  discard: "Discard",
  discard_question: "Discard? It is not stored.",

  storing: "Storing …",
  stored: "Stored",
  already_done: "Already done",
  rejected: "Rejected",
  not_stored_yet: "Not stored yet",
  not_stored_yet_hint: "The station's computer does not answer. Trying again; nothing is lost.",
  at_central: "At central",
  waiting_for_central: "Waiting for central",
  later_stored: (what: string) => `Stored after all: ${what}`,

  labels: {
    log_on: (name: string) => `Log on ${name}`,
    log_off: (name: string) => `Log off ${name}`,
    job: {
      start: (order: string) => `Start ${order}`,
      pause: (order: string) => `Pause ${order}`,
      finish: (order: string) => `Finish ${order}`,
      switch: (order: string) => `Switch to ${order}`,
    },
    pieces: (good: number, scrap: number, rework: number) =>
      listed([good && `${good} good`, scrap && `${scrap} scrap`, rework && `${rework} rework`]),
    undo: (what: string) => `Undo: ${what}`,
    reason: (title: string) => `Stop: ${title}`,
    note: "Note on a stop",
    split: (time: string) => `Split stop at ${time}`,
    shift_note: "Shift note",
    help: "Call for help",
    help_over: "Help has come",
    scan: (code: string) => `Scan ${code}`,
    badge: "Badge",
  },

  scans: {
    logged_on: (name: string) => `${name} is logged on`,
    logged_off: (name: string) => `${name} is logged off`,
    already_on: (name: string) => `${name} is logged on already`,
    started: (order: string) => `${order} started`,
    switched: (order: string) => `Switched to ${order}`,
    already_running: (order: string) => `${order} is running already`,
    asks_for_machine: (order: string) => `${order}: choose the machine`,
    asks_for_operator: (order: string) => `${order}: who starts it?`,
    at_machine: (what: string, machine: string) => `${what} at ${machine}`,
    planned_for: (what: string, machine: string) => `${what}. It was planned for ${machine}.`,
    planned_elsewhere: (order: string, machine: string) =>
      `${order} is planned for ${machine}, which is not at this station.`,
    problem: (code: string, problem: string) => `${code}: ${problem}`,
    unknown_work_order: (code: string) => `${code}: there is no such work order here`,
    earlier: (time: string, what: string) => `At ${time}: ${what}`,
  },

  /** English shows what the agent says; these stand for it in other languages. */
  entry_words: null as EntryWords | null,
  refusals: null as Record<Refusal["code"], string> | null,
  try_again_at: (time: string) => `Try again at ${time}.`,
};

interface EntryWords {
  job: Record<JobChange["action"], (order: string) => string>;
  split: string;
  help: string;
  help_over: string;
  scanned: (code: string) => string;
}

export function listed(parts: (string | 0 | false)[]): string {
  return parts.filter((part) => part).join(", ");
}

export type Texts = typeof en;
