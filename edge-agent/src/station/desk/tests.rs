//! Stories at a station, and rules that hold whatever is entered.

use proptest::prelude::*;
use protocol::event::{DowntimeEntry, JobAction, MachineState, PieceEntry, ShiftLogEntry};
use protocol::id::StopId;
use protocol::master_data::{Operator, Reason, WorkOrder};

use super::*;
use crate::signals::RecentStop;

mod scans;

/// A station with two machines, of which the first counts its good pieces itself, and everything that it needs.
struct Bench {
    desk: Desk,
    now: Stamp,
    machines: Vec<MachineNow>,
    master_data: MasterData,
    corrections: Corrections,
    rules: Rules,
    station: Name,
    events: Vec<EventKind>,
}

const START: UtcMicros = UtcMicros(1_795_000_000_000_000);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn reason(code: &str, applies_to: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        title: format!("Title of {code}"),
        applies_to: applies_to.to_owned(),
        planned: false,
    }
}

fn operator(number: &str) -> Operator {
    Operator { number: number.to_owned(), name: format!("Operator {number}"), badge_hash: None, pin_hash: None }
}

fn work_order(code: &str) -> WorkOrder {
    WorkOrder { code: code.to_owned(), product: "P".to_owned(), machine: None, quantity: Some(100), due_at: None }
}

fn machine(text: &str, counts_itself: bool) -> MachineNow {
    let live = Live {
        machine: name(text),
        state: MachineState::Running,
        state_since: START,
        good: 1_000,
        scrap: 0,
        rework: 0,
        stops: 0,
        last_reading_at: None,
        recent_stops: std::sync::Arc::default(),
    };
    MachineNow { live, counts_itself }
}

impl Bench {
    fn new() -> Bench {
        let master_data = MasterData {
            time_zone: "Europe/Vienna".to_owned(),
            work_orders: ["WO-1", "WO-2", "WO-3"].map(work_order).to_vec(),
            reasons: vec![reason("jam", "downtime"), reason("scratch", "scrap")],
            operators: vec![operator("17"), operator("18")],
            ..MasterData::default()
        };
        let rules = Rules { undo_s: 300, log_off_after_h: 12, work_order_prefix: Some("ORDER:".to_owned()) };
        let mut bench = Bench {
            desk: Desk::default(),
            now: Stamp { at: START, monotonic: Monotonic { boot: 1, us: 1_000_000 } },
            machines: vec![machine("press", true), machine("packer", false)],
            master_data,
            corrections: Corrections::default(),
            rules,
            station: name("hall-1"),
            events: Vec::new(),
        };
        bench.tick();
        bench
    }

    fn floor(&self) -> Floor<'_> {
        Floor {
            now: self.now,
            clock_is_wrong: false,
            station: &self.station,
            machines: &self.machines,
            master_data: &self.master_data,
            corrections: &self.corrections,
            rules: &self.rules,
        }
    }

    fn wait_s(&mut self, seconds: i64) {
        self.now.at = self.now.at.plus_us(seconds * 1_000_000);
        self.now.monotonic.us += u64::try_from(seconds).unwrap() * 1_000_000;
    }

    fn restart(&mut self) {
        self.desk = serde_json::from_slice(&serde_json::to_vec(&self.desk).unwrap()).unwrap();
        self.now.monotonic = Monotonic { boot: self.now.monotonic.boot + 1, us: 5_000_000 };
    }

    fn tick(&mut self) {
        if let Some(decision) = self.desk.tick(&self.floor()) {
            self.commit(decision);
        }
    }

    /// As capture and the signal engine do.
    fn commit(&mut self, decision: Decision) -> Stored {
        self.desk = decision.desk;
        for (origin, kind) in decision.events {
            if let EventKind::PieceEntry(entry) = &kind {
                let machine = self.machines.iter_mut().find(|it| it.live.machine == origin.name).unwrap();
                let [good, scrap, rework] = entry.deltas();
                machine.live.good += good;
                machine.live.scrap += scrap;
                machine.live.rework += rework;
            }
            self.events.push(kind);
        }
        decision.answer
    }

    fn enter(&mut self, id: u128, command: Command) -> Result<Stored, Refusal> {
        let request = Request { id: Uuid::from_u128(id), command };
        let decision = self.desk.decide(&request, &self.floor())?;
        Ok(self.commit(decision))
    }

    fn refused(&mut self, id: u128, command: Command) -> RefusalCode {
        let events = self.events.len();
        let code = self.enter(id, command).unwrap_err().code;
        assert_eq!(self.events.len(), events, "a refusal stores nothing");
        code
    }

    fn log_on(&mut self, number: &str) {
        self.enter(number.parse::<u128>().unwrap() << 64, Command::LogOn { number: number.to_owned() }).unwrap();
    }

    fn job(&self, machine: &str) -> Option<(String, i64, bool)> {
        let shown = self.machines.iter().find(|it| it.live.machine.as_str() == machine).unwrap().live.good;
        let job = self.desk.machines.get(machine)?.job.as_ref()?;
        Some((job.work_order.clone(), job.good(shown), job.is_paused()))
    }

    fn made(&mut self, pieces: i64) {
        self.machines[0].live.good += pieces;
    }
}

fn job(action: JobAction, work_order: &str) -> Command {
    Command::Job { operator: "17".to_owned(), machine: name("press"), action, work_order: work_order.to_owned() }
}

fn pieces(machine: &str, counts: [u32; 3]) -> Command {
    let reason = (counts[1] + counts[2] > 0).then(|| "scratch".to_owned());
    Command::Pieces { operator: "17".to_owned(), machine: name(machine), counts, reason }
}

fn undo() -> Command {
    Command::Undo { operator: "18".to_owned() }
}

#[test]
fn nothing_but_calls_for_help_and_scans_is_taken_from_nobody() {
    let mut bench = Bench::new();
    let who = "17".to_owned();
    let machine = || name("press");
    let commands = [
        job(JobAction::Start, "WO-1"),
        pieces("press", [1, 0, 0]),
        Command::LogOff { operator: who.clone() },
        Command::ShiftNote { operator: who.clone(), machine: None, note: "n".to_owned() },
        Command::StopReason {
            operator: who.clone(),
            machine: machine(),
            stop: "1".to_owned(),
            reason: "jam".to_owned(),
        },
        Command::StopNote { operator: who.clone(), machine: machine(), stop: "1".to_owned(), note: "n".to_owned() },
        Command::StopSplit { operator: who, machine: machine(), stop: "1".to_owned(), from: START },
        undo(),
    ];
    for (id, command) in (1..).zip(commands) {
        assert_eq!(bench.refused(id, command.clone()), RefusalCode::NotLoggedOn, "{command:?}");
    }
    bench.enter(100, Command::Help { operator: None, machine: machine(), active: true }).unwrap();
    assert!(bench.desk.machines["press"].help_called_at.is_some());
    assert!(bench.enter(101, Command::Help { operator: None, machine: machine(), active: true }).unwrap().already);
    bench.enter(102, Command::Help { operator: None, machine: machine(), active: false }).unwrap();
    assert_eq!(bench.desk.machines["press"].help_called_at, None);
}

#[test]
fn several_are_logged_on_and_one_who_left_the_company_stays_but_does_not_come_back() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.log_on("18");
    assert!(bench.enter(3, Command::LogOn { number: "17".to_owned() }).unwrap().already);
    bench.master_data.operators.remove(0);
    bench.restart();
    bench.enter(4, pieces("packer", [5, 0, 0])).unwrap();
    bench.enter(5, Command::LogOff { operator: "17".to_owned() }).unwrap();
    assert_eq!(bench.refused(6, Command::LogOn { number: "17".to_owned() }), RefusalCode::UnknownOperator);
    bench.wait_s(13 * 3_600);
    bench.tick();
    assert!(bench.desk.operators.is_empty());
    let off = EventKind::ShiftLog(ShiftLogEntry::OperatorOff { operator: "18".to_owned() });
    assert_eq!(bench.events.last(), Some(&off));
}

#[test]
fn scrap_of_a_machine_that_counts_itself_is_taken_from_its_good_pieces() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.enter(1, pieces("press", [0, 3, 1])).unwrap();
    bench.enter(2, pieces("packer", [10, 2, 0])).unwrap();
    let counts = |bench: &Bench, at: usize| {
        let live = &bench.machines[at].live;
        (live.good, live.scrap, live.rework)
    };
    assert_eq!((counts(&bench, 0), counts(&bench, 1)), ((996, 3, 1), (1_010, 2, 0)));
}

#[test]
fn pieces_need_a_number_a_reason_and_sense() {
    let mut bench = Bench::new();
    bench.log_on("17");
    let report = |machine: &str, counts, reason: Option<&str>| Command::Pieces {
        operator: "17".to_owned(),
        machine: name(machine),
        counts,
        reason: reason.map(str::to_owned),
    };
    assert_eq!(bench.refused(1, report("press", [0, 0, 0], None)), RefusalCode::Invalid);
    assert_eq!(
        bench.refused(2, report("press", [u32::MAX, u32::MAX, u32::MAX], Some("scratch"))),
        RefusalCode::Invalid
    );
    assert_eq!(bench.refused(3, report("press", [0, 1, 0], None)), RefusalCode::UnknownReason);
    assert_eq!(bench.refused(4, report("press", [0, 1, 0], Some("jam"))), RefusalCode::UnknownReason);
    assert_eq!(bench.refused(5, report("lathe", [1, 0, 0], None)), RefusalCode::UnknownMachine);
    bench.master_data.reasons.clear();
    bench.enter(6, report("press", [0, 1, 0], None)).unwrap();
}

#[test]
fn a_report_is_taken_back_by_anybody_who_is_on_once_and_in_time() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.log_on("18");
    bench.enter(1, pieces("press", [0, 3, 0])).unwrap();
    bench.restart();
    bench.wait_s(200);
    assert!(!bench.enter(1, undo()).unwrap().already);
    assert!(bench.enter(1, undo()).unwrap().already);
    assert_eq!((bench.machines[0].live.good, bench.machines[0].live.scrap), (1_000, 0));
    bench.enter(2, pieces("press", [0, 1, 0])).unwrap();
    bench.wait_s(301);
    assert_eq!(bench.refused(2, undo()), RefusalCode::TooLate);
    assert_eq!(bench.refused(77, undo()), RefusalCode::TooLate);
    assert_eq!(bench.refused(17 << 64, undo()), RefusalCode::NotAllowed);
}

#[test]
fn a_clock_that_is_set_does_not_open_the_window_again() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.log_on("18");
    bench.enter(1, pieces("press", [0, 3, 0])).unwrap();
    bench.wait_s(301);
    bench.now.at = START;
    assert_eq!(bench.refused(1, undo()), RefusalCode::TooLate);
}

#[test]
fn one_job_runs_and_its_pieces_are_those_made_while_it_ran() {
    let mut bench = Bench::new();
    bench.log_on("17");
    assert_eq!(bench.refused(1, job(JobAction::Start, "WO-9")), RefusalCode::UnknownWorkOrder);
    assert_eq!(bench.refused(2, job(JobAction::Pause, "WO-1")), RefusalCode::JobNotRunning);
    bench.enter(3, job(JobAction::Start, "WO-1")).unwrap();
    bench.made(10);
    bench.enter(4, pieces("press", [0, 2, 0])).unwrap();
    assert_eq!(bench.job("press"), Some(("WO-1".to_owned(), 8, false)));
    assert!(bench.enter(5, job(JobAction::Start, "WO-1")).unwrap().already);
    bench.enter(6, job(JobAction::Pause, "WO-1")).unwrap();
    bench.made(5);
    bench.restart();
    assert!(bench.enter(7, job(JobAction::Pause, "WO-1")).unwrap().already);
    bench.enter(8, job(JobAction::Start, "WO-1")).unwrap();
    bench.made(1);
    assert_eq!(bench.job("press"), Some(("WO-1".to_owned(), 9, false)));
    bench.enter(9, job(JobAction::Start, "WO-2")).unwrap();
    assert!(matches!(bench.events.last(), Some(EventKind::Job(it)) if it.action == JobAction::Switch));
    bench.made(4);
    assert_eq!(bench.job("press"), Some(("WO-2".to_owned(), 4, false)));
    bench.enter(10, job(JobAction::Switch, "WO-1")).unwrap();
    assert_eq!(bench.job("press"), Some(("WO-1".to_owned(), 9, false)), "it goes on from its pieces");
    // Central took the order away: it can still be finished.
    bench.master_data.work_orders.clear();
    bench.enter(11, job(JobAction::Finish, "WO-1")).unwrap();
    assert_eq!(bench.job("press"), None);
    assert_eq!(bench.refused(12, job(JobAction::Finish, "WO-1")), RefusalCode::JobNotRunning);
}

#[test]
fn a_stop_is_explained_noted_and_split_within_its_time() {
    let mut bench = Bench::new();
    bench.log_on("17");
    let stop = |number, began_s: i64, ended_s: Option<i64>| RecentStop {
        stop: StopId(number),
        began_at: START.plus_us(began_s * 1_000_000),
        ended_at: ended_s.map(|it| START.plus_us(it * 1_000_000)),
        reason: None,
        note: None,
    };
    bench.machines[0].live.recent_stops =
        std::sync::Arc::new(vec![stop(1, -200_000, Some(-190_000)), stop(2, -600, Some(-300)), stop(3, -60, None)]);
    let who = || "17".to_owned();
    let explain = |stop: &str, reason: &str| Command::StopReason {
        operator: who(),
        machine: name("press"),
        stop: stop.to_owned(),
        reason: reason.to_owned(),
    };
    bench.enter(1, explain("3", "jam")).unwrap();
    assert_eq!(bench.refused(2, explain("1", "jam")), RefusalCode::UnknownStop);
    assert_eq!(bench.refused(3, explain("9", "jam")), RefusalCode::UnknownStop);
    assert_eq!(bench.refused(4, explain("'; --", "jam")), RefusalCode::UnknownStop);
    assert_eq!(bench.refused(5, explain("2", "scratch")), RefusalCode::UnknownReason);
    let note = |note: &str| Command::StopNote {
        operator: who(),
        machine: name("press"),
        stop: "2".to_owned(),
        note: note.to_owned(),
    };
    assert_eq!(bench.refused(6, note("  \n ")), RefusalCode::Invalid);
    assert_eq!(bench.refused(7, note(&"x".repeat(1_001))), RefusalCode::Invalid);
    bench.enter(8, note("belt \u{1b}[31mtorn")).unwrap();
    let stored = EventKind::Downtime(DowntimeEntry::Note {
        stop: StopId(2),
        note: "belt  [31mtorn".to_owned(),
        operator: Some(who()),
    });
    assert_eq!(bench.events.last(), Some(&stored));
    let split = |stop: &str, at_s: i64| Command::StopSplit {
        operator: who(),
        machine: name("press"),
        stop: stop.to_owned(),
        from: START.plus_us(at_s * 1_000_000),
    };
    assert_eq!(bench.refused(9, split("3", -30)), RefusalCode::StopNotOver);
    assert_eq!(bench.refused(10, split("2", -600)), RefusalCode::Invalid);
    assert_eq!(bench.refused(11, split("2", -300)), RefusalCode::Invalid);
    bench.enter(12, split("2", -400)).unwrap();
}

#[test]
fn wrong_pins_cost_growing_pauses_that_a_restart_does_not_shorten() {
    let mut bench = Bench::new();
    let wrong = |bench: &mut Bench| {
        let (desk, refusal) = bench.desk.wrong_pin("17", bench.now);
        bench.desk = desk;
        refusal
    };
    for _ in 0..4 {
        assert_eq!(wrong(&mut bench).code, RefusalCode::WrongPin);
    }
    let locked = wrong(&mut bench);
    assert_eq!((locked.code, locked.retry_at), (RefusalCode::Locked, Some(Moment(START.plus_us(30_000_000)))));
    assert!(bench.desk.may_try_pin("18", bench.now).is_ok());
    bench.wait_s(29);
    assert!(bench.desk.may_try_pin("17", bench.now).is_err());
    bench.wait_s(1);
    assert!(bench.desk.may_try_pin("17", bench.now).is_ok());
    let locked = wrong(&mut bench);
    assert_eq!(locked.retry_at, Some(Moment(bench.now.at.plus_us(60_000_000))));
    bench.restart();
    bench.now.at = bench.now.at.plus_us(-86_400_000_000);
    assert!(bench.desk.may_try_pin("17", bench.now).is_err(), "a clock set back is no way in");
    bench.wait_s(60);
    assert!(bench.desk.may_try_pin("17", bench.now).is_ok(), "and locks nobody out");
    for _ in 0..40 {
        wrong(&mut bench);
    }
    bench.wait_s(15 * 60);
    assert!(bench.desk.may_try_pin("17", bench.now).is_ok());
    bench.log_on("17");
    bench.enter(1, Command::LogOff { operator: "17".to_owned() }).unwrap();
    assert_eq!(wrong(&mut bench).code, RefusalCode::WrongPin, "a right one clears what was");
}

#[test]
fn pieces_are_counted_anew_when_a_shift_begins() {
    let mut bench = Bench::new();
    bench.made(10);
    let period = bench.desk.machines["press"].period.unwrap();
    assert_eq!((period.of, period.base[0], period.counted_since), (Of::Day, 1_000, START));
    let shift = protocol::master_data::Shift {
        name: "early".to_owned(),
        starts_at: START.plus_us(60_000_000),
        ends_at: START.plus_us(8 * 3_600_000_000),
    };
    bench.master_data.shifts.push(shift);
    bench.tick();
    assert_eq!(bench.desk.machines["press"].period.unwrap(), period);
    bench.wait_s(61);
    bench.tick();
    let period = bench.desk.machines["press"].period.unwrap();
    assert_eq!((period.of, period.base[0], period.counted_since), (Of::Shift, 1_010, START.plus_us(60_000_000)));
}

#[test]
fn a_calendar_that_comes_late_loses_no_piece_that_was_counted() {
    let mut bench = Bench::new();
    bench.made(10);
    bench.master_data.time_zone = "Asia/Tokyo".to_owned();
    bench.tick();
    let period = bench.desk.machines["press"].period.unwrap();
    assert_eq!((period.base[0], period.counted_since), (1_000, START));
    bench.wait_s(600);
    let shift = protocol::master_data::Shift {
        name: "early".to_owned(),
        starts_at: START.plus_us(60_000_000),
        ends_at: START.plus_us(8 * 3_600_000_000),
    };
    bench.master_data.shifts.push(shift);
    bench.tick();
    let period = bench.desk.machines["press"].period.unwrap();
    assert_eq!((period.of, period.base[0]), (Of::Shift, 1_010));
}

/// What somebody does, with a small choice of ids so that the same one comes again.
#[derive(Debug, Clone)]
enum Step {
    Pieces { id: u128, machine: usize, counts: [u32; 3] },
    Undo { id: u128 },
    Job { id: u128, action: JobAction, order: usize },
    Made { pieces: i64 },
    Wait { seconds: i64 },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let action =
        prop_oneof![Just(JobAction::Start), Just(JobAction::Pause), Just(JobAction::Finish), Just(JobAction::Switch)];
    let step = prop_oneof![
        (1u128..20, 0usize..2, [0u32..5, 0u32..5, 0u32..5]).prop_map(|(id, machine, counts)| Step::Pieces {
            id,
            machine,
            counts
        }),
        (1u128..20).prop_map(|id| Step::Undo { id }),
        (20u128..60, action, 0usize..3).prop_map(|(id, action, order)| Step::Job { id, action, order }),
        (1i64..10).prop_map(|pieces| Step::Made { pieces }),
        (0i64..200).prop_map(|seconds| Step::Wait { seconds }),
        Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    #[test]
    fn every_id_counts_once_and_the_counts_are_what_was_made_and_not_taken_back(steps in steps()) {
        let mut bench = Bench::new();
        bench.log_on("17");
        bench.log_on("18");
        let mut made = 0;
        let (mut job_good, mut running) = (std::collections::HashMap::<String, i64>::new(), None::<String>);
        for step in steps {
            let before = bench.machines[0].live.good;
            match step {
                Step::Pieces { id, machine, counts } => {
                    let _ = bench.enter(id, pieces(["press", "packer"][machine], counts));
                }
                Step::Undo { id } => drop(bench.enter(id, undo())),
                Step::Job { id, action, order } => {
                    let events = bench.events.len();
                    let order = ["WO-1", "WO-2", "WO-3"][order].to_owned();
                    let _ = bench.enter(id, job(action, &order));
                    if let Some(EventKind::Job(entry)) = bench.events.get(events) {
                        match entry.action {
                            JobAction::Start | JobAction::Switch => running = Some(order),
                            JobAction::Pause => running = None,
                            JobAction::Finish => {
                                running = None;
                                job_good.remove(&order);
                            }
                        }
                    }
                }
                Step::Made { pieces } => { made += pieces; bench.made(pieces); }
                Step::Wait { seconds } => bench.wait_s(seconds),
                Step::Restart => bench.restart(),
            }
            if let Some(order) = &running {
                *job_good.entry(order.clone()).or_default() += bench.machines[0].live.good - before;
                let (shown, good, paused) = bench.job("press").unwrap();
                prop_assert_eq!((&shown, good, paused), (order, job_good[order], false));
            }
        }
        let mut reports: std::collections::HashMap<u128, Vec<PieceEntry>> = std::collections::HashMap::new();
        for kind in &bench.events {
            if let EventKind::PieceEntry(entry) = kind {
                reports.entry(entry.id).or_default().push(entry.clone());
            }
        }
        for entries in reports.values() {
            prop_assert!(entries.len() <= 2 && !entries[0].takes_back, "{entries:?}");
            if let [report, back] = &entries[..] {
                let same = PieceEntry { takes_back: false, operator: report.operator.clone(), ..back.clone() };
                prop_assert!(back.takes_back && same == *report, "{entries:?}");
            }
        }
        let kept = bench.desk.entries.iter().filter(|it| it.pieces.is_some() && !it.undone);
        let kept: Vec<PieceEntry> = kept.map(|it| reports[&it.id.as_u128()][0].clone()).collect();
        let all = |index: usize| kept.iter().map(|it| it.deltas()[index]).sum::<i64>();
        let shown = |of: fn(&Live) -> i64| bench.machines.iter().map(|it| of(&it.live)).sum::<i64>();
        prop_assert_eq!(shown(|it| it.good), 2_000 + made + all(0));
        prop_assert_eq!(shown(|it| it.scrap), all(1));
        prop_assert_eq!(shown(|it| it.rework), all(2));
        let events = bench.events.len();
        for id in reports.keys() {
            prop_assert!(bench.enter(*id, pieces("press", [1, 0, 0])).unwrap().already);
        }
        prop_assert_eq!(bench.events.len(), events, "the same ids again store nothing");
    }
}
