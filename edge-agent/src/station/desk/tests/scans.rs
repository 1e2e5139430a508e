//! What codes do, scanned on the page and by scanners of the agent.

use process::clock;

use super::*;
use crate::sources::scanner::decode;
use crate::station::api::{JobOutcome, OperatorChange, PlannedFor};

impl Bench {
    fn scan(&mut self, id: u128, code: &str, machine: Option<&str>) -> Meaning {
        let scan = decode::scan(&name("page"), code.as_bytes(), decode::Gs1Reading::Auto, None);
        let by = ScannedBy::Page { operator: None, machine: machine.map(name) };
        self.enter(id, Command::Scan(Box::new(ScanOf { scan, badge_of: None, by }))).unwrap().meaning.unwrap()
    }

    /// By a scanner of the agent.
    fn read(&mut self, id: u128, code: &str, badge_of: Option<&str>, machine: Option<&str>) -> FromScanner {
        let scan = decode::scan(&name("gun"), code.as_bytes(), decode::Gs1Reading::Auto, None);
        let by = ScannedBy::Scanner { machine: machine.map(name), taken: clock::Moment::default() };
        let scan = ScanOf { scan, badge_of: badge_of.map(str::to_owned), by };
        self.enter(id, Command::Scan(Box::new(scan))).unwrap();
        self.desk.from_scanners.back().unwrap().clone()
    }

    fn plan(&mut self, order: usize, machine: &str) {
        self.master_data.work_orders[order].machine = Some(name(machine));
    }

    fn scans(&self) -> usize {
        self.events.iter().filter(|kind| matches!(kind, EventKind::Scan(_))).count()
    }
}

fn outcome(meaning: Meaning) -> JobOutcome {
    match meaning {
        Meaning::WorkOrder { job, .. } => job,
        other => panic!("{other:?}"),
    }
}

fn meaning(scanned: &FromScanner) -> Meaning {
    match &scanned.outcome {
        ScanOutcome::Stored { stored } => stored.meaning.clone().unwrap(),
        ScanOutcome::Refused { refusal } => panic!("{refusal:?}"),
    }
}

#[test]
fn a_scanned_work_order_starts_switches_or_asks() {
    let mut bench = Bench::new();
    assert_eq!(outcome(bench.scan(1, "WO-1", Some("press"))), JobOutcome::AsksForOperator);
    bench.log_on("17");
    assert_eq!(outcome(bench.scan(2, "WO-1", None)), JobOutcome::AsksForMachine);
    assert_eq!(outcome(bench.scan(3, "ORDER:WO-1", Some("press"))), JobOutcome::Started);
    assert_eq!(outcome(bench.scan(4, "]C0WO-1", Some("press"))), JobOutcome::AlreadyRunning);
    assert_eq!(outcome(bench.scan(5, "]C10109521234543213\u{1d}10WO-2", Some("press"))), JobOutcome::Switched);
    assert_eq!(bench.job("press").unwrap().0, "WO-2");
    bench.machines.truncate(1);
    assert_eq!(outcome(bench.scan(6, "WO-3", None)), JobOutcome::Switched);
    let scans = bench.events.iter().filter(|kind| matches!(kind, EventKind::Scan(_))).count();
    assert_eq!(scans, 6, "every code is stored");
}

#[test]
fn any_other_code_is_stored_as_it_is_and_a_badge_is_not() {
    let mut bench = Bench::new();
    let Meaning::Code { text, problem } = bench.scan(1, "<script>\u{1b}[2J', DROP", None) else { panic!() };
    assert_eq!((text.as_str(), problem), ("<script> [2J', DROP", None));
    let Meaning::Code { problem, .. } = bench.scan(2, "]C10109521234543214", None) else { panic!() };
    assert_eq!(problem.unwrap(), "(01) GTIN: its check digit is wrong");
    assert_eq!(bench.scan(5, "ORDER:WO-9", None), Meaning::UnknownWorkOrder { text: "ORDER:WO-9".to_owned() });
    let events = bench.events.len();
    let badge = |id| (id, decode::scan(&name("page"), b"secret", decode::Gs1Reading::Auto, None));
    for (expected, (id, scan)) in [(OperatorChange::LoggedOn, badge(3)), (OperatorChange::AlreadyOn, badge(4))] {
        let by = ScannedBy::Page { operator: None, machine: None };
        let scan = ScanOf { scan, badge_of: Some("17".to_owned()), by };
        let meaning = bench.enter(id, Command::Scan(Box::new(scan))).unwrap().meaning;
        assert!(matches!(meaning, Some(Meaning::Operator { change, .. }) if change == expected), "{meaning:?}");
    }
    let on = EventKind::ShiftLog(ShiftLogEntry::OperatorOn { operator: "17".to_owned() });
    assert_eq!(bench.events[events..], [on]);
}

#[test]
fn a_work_order_that_names_its_machine_is_begun_there_without_a_question() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.plan(0, "packer");
    let Meaning::WorkOrder { job, machine, planned_for, .. } = bench.scan(1, "WO-1", None) else { panic!() };
    assert_eq!((job, machine, planned_for), (JobOutcome::Started, Some(name("packer")), None));
    assert_eq!(bench.job("packer").unwrap().0, "WO-1");
    assert_eq!(outcome(bench.scan(2, "WO-1", None)), JobOutcome::AlreadyRunning);

    let Meaning::WorkOrder { job, machine, planned_for, .. } = bench.scan(3, "WO-1", Some("press")) else { panic!() };
    assert_eq!((job, machine), (JobOutcome::Started, Some(name("press"))), "whoever chose a machine gets it");
    assert_eq!(planned_for, Some(PlannedFor { title: "packer".to_owned(), is_here: true }), "and is told");
}

#[test]
fn a_work_order_of_another_station_is_not_begun_here_before_somebody_says_so() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.plan(0, "lathe");
    let elsewhere = Some(PlannedFor { title: "lathe".to_owned(), is_here: false });
    for (id, machine) in [(1, None), (2, Some("press"))] {
        let Meaning::WorkOrder { job, planned_for, .. } = bench.scan(id, "WO-1", machine) else { panic!() };
        assert_eq!((job, &planned_for), (JobOutcome::AsksForMachine, &elsewhere));
    }
    assert!(bench.desk.entries.back().unwrap().text.contains("planned for lathe, which is not at this station"));
    bench.enter(3, job(JobAction::Start, "WO-1")).unwrap();
    assert_eq!(outcome(bench.scan(4, "WO-1", Some("press"))), JobOutcome::AlreadyRunning);
    bench.enter(5, job(JobAction::Pause, "WO-1")).unwrap();
    assert_eq!(outcome(bench.scan(6, "WO-1", Some("press"))), JobOutcome::Started, "it goes on");
}

#[test]
fn a_scanner_of_the_agent_does_what_the_page_does_and_pages_are_told() {
    let mut bench = Bench::new();
    assert_eq!(outcome(meaning(&bench.read(1, "WO-1", None, Some("press")))), JobOutcome::AsksForOperator);
    let badge = bench.read(2, "secret", Some("17"), Some("press"));
    assert!(matches!(meaning(&badge), Meaning::Operator { change: OperatorChange::LoggedOn, .. }), "{badge:?}");
    let badge = bench.read(3, "secret", Some("17"), None);
    assert!(matches!(meaning(&badge), Meaning::Operator { change: OperatorChange::AlreadyOn, .. }), "{badge:?}");
    assert_eq!(outcome(meaning(&bench.read(4, "WO-1", None, Some("press")))), JobOutcome::Started);
    assert_eq!(outcome(meaning(&bench.read(5, "WO-1", None, Some("press")))), JobOutcome::AlreadyRunning);
    assert_eq!(outcome(meaning(&bench.read(6, "WO-2", None, Some("press")))), JobOutcome::Switched);
    bench.log_on("18");
    assert_eq!(outcome(meaning(&bench.read(7, "WO-3", None, Some("press")))), JobOutcome::AsksForOperator, "of two");
    let serial = bench.read(8, "4006381333931", None, None);
    assert_eq!(serial.code.as_deref(), Some("4006381333931"));
    assert_eq!(bench.scans(), 6, "every code but the badges is a fact");
    let kept = serde_json::to_string(&bench.desk).unwrap() + &format!("{:?}", bench.events);
    assert!(!kept.contains("secret"), "{kept}");
    assert_eq!(bench.desk.from_scanners.len(), 8);
    bench.read(9, "9", None, None);
    assert_eq!(
        (bench.desk.from_scanners.len(), bench.desk.from_scanners[0].id),
        (8, Uuid::from_u128(2)),
        "no more than that"
    );
    let before = bench.desk.clone();
    bench.restart();
    assert_eq!(bench.desk, before);
}

#[test]
fn a_code_that_the_desk_refuses_is_a_fact_all_the_same_unless_it_is_a_badge() {
    let mut bench = Bench::new();
    bench.master_data.operators.clear();
    let refused = |scanned: FromScanner| match scanned.outcome {
        ScanOutcome::Refused { refusal } => refusal.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(bench.read(1, "secret", Some("17"), None)), RefusalCode::UnknownOperator);
    assert_eq!((bench.events.len(), bench.desk.entries.len()), (0, 0));
    let overlong = format!("]d2{}", "9".repeat(EVENT_BODY_BYTES_MAX));
    assert_eq!(refused(bench.read(2, &overlong, None, None)), RefusalCode::Invalid);
    assert_eq!((bench.scans(), bench.desk.entries.len()), (1, 1));
}

#[test]
fn a_scanner_at_a_machine_of_no_station_is_stored_and_nothing_to_the_people_here() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.read(1, "WO-1", None, Some("press"));
    let before = bench.desk.clone();
    bench.read(2, "WO-2", None, Some("lathe"));
    assert_eq!((bench.scans(), &bench.desk), (2, &before));
    bench.read(3, "secret", Some("18"), Some("lathe"));
    assert_eq!((bench.scans(), &bench.desk), (2, &before), "a badge is not even stored");
}

#[test]
fn codes_of_a_busy_scanner_push_out_nothing_that_a_person_entered() {
    let mut bench = Bench::new();
    bench.log_on("17");
    bench.log_on("18");
    bench.enter(1, pieces("press", [0, 3, 0])).unwrap();
    for code in 1_000..1_500 {
        bench.read(code, &format!("LABEL-{code}"), None, Some("press"));
    }
    assert!(bench.desk.entries.len() < 300, "what is remembered is bounded all the same");
    let events = bench.events.len();
    assert!(bench.enter(1, pieces("press", [0, 3, 0])).unwrap().already, "sent again, for the answer was lost");
    assert_eq!(bench.events.len(), events);
    bench.enter(1, undo()).expect("within its window");
}
