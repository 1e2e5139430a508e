//! Events to rows: the one place that hands every kind to the domain that owns it.
//!
//! Pure but for the calendar's memory. Every event ends in exactly one of four ways: rows in a fact table, a row in
//! `raw_events` (a kind or body that this version cannot read), a row in `quarantined_events` (understood, but not to be
//! believed or not this agent's to say), or nothing at all (a place in the log whose event the agent dropped).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Datelike as _, NaiveDate};
use protocol::batch::OriginKind;
use protocol::event::{DowntimeEntry, EventKind, RawEvent};
use protocol::id::{OriginId, Seq};
use protocol::time::UtcMicros;
use sqlx::PgConnection;

use crate::fact::{Head, Piece, PlantCalendar, PlantDay, date_of, utc_day};
use crate::sync::store::RawRows;
use crate::{alarms, downtime, gaps, machines, measurements, production, scans, shifts, work_orders};

/// 2000-01-01: what is older was stamped by a clock without a battery.
const OLDEST: UtcMicros = UtcMicros(946_684_800_000_000);
/// The continuous aggregates that facts count in; see `sql/`.
const PRODUCTION_BY_DAY: &str = "production_by_day";
const DOWNTIME_BY_DAY: &str = "downtime_by_day";

/// Who speaks, and what the names in its batch mean.
#[derive(Debug)]
pub struct Source {
    pub plant_id: i32,
    pub agent_id: i32,
    pub epoch: i32,
    pub calendar: PlantCalendar,
    pub origins: HashMap<OriginId, Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub kind: OriginKind,
    pub name: String,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Machine(i32),
    Station(i32),
    Agent,
    /// A machine or station that another agent owns.
    Foreign,
}

/// What may become a fact.
#[derive(Debug, Clone)]
pub struct Limits {
    pub now: UtcMicros,
    /// How far ahead of `now` a clock may be.
    pub future_us: i64,
    /// First days of months whose rows were dropped: their summaries are final.
    pub closed_months: BTreeSet<NaiveDate>,
}

/// Why an understood event is no fact yet. The words are those of `quarantined_events.reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quarantine {
    Future,
    BeyondRetention,
    OutOfRange,
    MachineOfAnotherAgent,
    NoMachine,
    NoOrigin,
    RefusedByDatabase,
}

impl Quarantine {
    pub const ALL: [Quarantine; 7] = [
        Quarantine::Future,
        Quarantine::BeyondRetention,
        Quarantine::OutOfRange,
        Quarantine::MachineOfAnotherAgent,
        Quarantine::NoMachine,
        Quarantine::NoOrigin,
        Quarantine::RefusedByDatabase,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Quarantine::Future => "future",
            Quarantine::BeyondRetention => "beyond_retention",
            Quarantine::OutOfRange => "out_of_range",
            Quarantine::MachineOfAnotherAgent => "machine_of_another_agent",
            Quarantine::NoMachine => "no_machine",
            Quarantine::NoOrigin => "no_origin",
            Quarantine::RefusedByDatabase => "refused_by_database",
        }
    }
}

/// Rows of many events, ready to be written.
#[derive(Debug, Default)]
pub struct Facts {
    production: production::store::Rows,
    states: machines::store::Rows,
    downtime: downtime::store::Rows,
    scans: scans::store::Rows,
    measurements: measurements::store::Rows,
    jobs: work_orders::store::Rows,
    shift_log: shifts::store::Rows,
    pub alarms: alarms::store::Rows,
    gaps: gaps::store::Rows,
    raw: RawRows,
    quarantined: RawRows,
    /// UTC days that hold rows, and those that an aggregate counts.
    days: BTreeSet<i32>,
    touched: BTreeSet<(&'static str, i32)>,
    /// What follows from these facts, by agent and kind of work.
    pub follow_ups: BTreeMap<(i32, FollowUp), u64>,
}

/// Work for the queue that follows from facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FollowUp {
    GapsRecorded,
    AlarmsRaised,
    EventsQuarantined(Quarantine),
}

impl Facts {
    /// The months (first days, UTC) that rows fall into.
    #[must_use]
    pub fn months(&self) -> BTreeSet<NaiveDate> {
        self.days.iter().map(|day| month_of(*day)).collect()
    }

    /// Takes in one event.
    pub fn add(&mut self, source: &mut Source, limits: &Limits, seq: Seq, event: &RawEvent) {
        let kind = match event.decode_kind() {
            Ok(EventKind::Dropped) => return,
            Ok(EventKind::Unknown { .. }) => return self.keep_raw(source, limits, seq, event, None),
            Ok(kind) => kind,
            Err(problem) => return self.keep_raw(source, limits, seq, event, Some(&problem.to_string())),
        };
        if let Err((reason, detail)) = self.add_kind(source, limits, seq, event, &kind) {
            self.quarantine(source, limits, seq, event, reason, &detail);
        }
    }

    fn add_kind(
        &mut self,
        source: &mut Source,
        limits: &Limits,
        seq: Seq,
        event: &RawEvent,
        kind: &EventKind,
    ) -> Result<(), (Quarantine, String)> {
        let (machine_id, station_id) = match source.origins.get(&event.origin) {
            None => return Err((Quarantine::NoOrigin, format!("origin {} has no name in its batch", event.origin.0))),
            Some(Origin { place: Place::Foreign, name, .. }) => {
                return Err((Quarantine::MachineOfAnotherAgent, format!("{name} belongs to another agent")));
            }
            Some(Origin { place: Place::Machine(id), .. }) => (Some(*id), None),
            Some(Origin { place: Place::Station(id), .. }) => (None, Some(*id)),
            Some(Origin { place: Place::Agent, .. }) => (None, None),
        };
        let day = limits.admit(&mut source.calendar, event.at)?;
        let pieces = limits.pieces(&mut source.calendar, event.at, kind)?;
        let head = Head {
            at: event.at,
            plant_day: day.number,
            plant_id: source.plant_id,
            machine_id,
            station_id,
            agent_id: source.agent_id,
            epoch: source.epoch,
            seq: seq_bits(seq),
            clock: event.clock,
        };
        let cleaned = self.push(&head, kind, &pieces)?;
        self.note_day(event.at);
        if cleaned {
            let problem = "a text held a zero, which became U+FFFD in its row";
            self.keep_raw(source, limits, seq, event, Some(problem));
        }
        Ok(())
    }

    /// Hands the event to its domain; says whether a text had to be changed.
    fn push(&mut self, head: &Head, kind: &EventKind, pieces: &[Piece]) -> Result<bool, (Quarantine, String)> {
        let machine =
            || head.machine_id.ok_or_else(|| (Quarantine::NoMachine, "expected a machine as its origin".to_owned()));
        Ok(match kind {
            EventKind::Count(count) => {
                if count.delta.unsigned_abs() > production::store::DELTA_MAX {
                    return Err((Quarantine::OutOfRange, format!("{} pieces at once", count.delta)));
                }
                self.production.push(head, machine()?, count);
                self.touched.insert((PRODUCTION_BY_DAY, utc_day(head.at)));
                self.production.copy.take_cleaned()
            }
            EventKind::PieceEntry(entry) => {
                self.production.push_entry(head, machine()?, entry);
                self.touched.insert((PRODUCTION_BY_DAY, utc_day(head.at)));
                self.production.entries.take_cleaned()
            }
            EventKind::State(change) => {
                self.states.push(head, machine()?, change);
                self.states.copy.take_cleaned()
            }
            EventKind::Downtime(entry) => {
                self.downtime.push(head, machine()?, entry, pieces);
                let begins = matches!(entry, DowntimeEntry::Began { .. }).then_some(head.at);
                for at in pieces.iter().map(|piece| piece.1).chain(begins) {
                    self.touched.insert((DOWNTIME_BY_DAY, utc_day(at)));
                    self.note_day(at);
                }
                self.downtime.entries.take_cleaned() | self.downtime.copy.take_cleaned()
            }
            EventKind::Scan(scan) => {
                self.scans.push(head, scan);
                self.scans.copy.take_cleaned()
            }
            EventKind::Measurement(measurement) => {
                self.measurements.push(head, measurement);
                self.measurements.copy.take_cleaned()
            }
            EventKind::Job(job) => {
                self.jobs.push(head, job);
                self.jobs.copy.take_cleaned()
            }
            EventKind::ShiftLog(entry) => {
                self.shift_log.push(head, entry);
                self.shift_log.copy.take_cleaned()
            }
            EventKind::Alarm(alarm) => {
                self.alarms.push(head, alarm);
                self.follow_up(head.agent_id, FollowUp::AlarmsRaised);
                self.alarms.copy.take_cleaned()
            }
            EventKind::Gap(gap) => {
                self.gaps.push(head, gap);
                self.follow_up(head.agent_id, FollowUp::GapsRecorded);
                self.gaps.copy.take_cleaned()
            }
            EventKind::Dropped | EventKind::Unknown { .. } => false,
        })
    }

    fn note_day(&mut self, at: UtcMicros) {
        self.days.insert(utc_day(at));
    }

    fn follow_up(&mut self, agent: i32, what: FollowUp) {
        *self.follow_ups.entry((agent, what)).or_default() += 1;
    }

    fn keep_raw(&mut self, source: &Source, limits: &Limits, seq: Seq, event: &RawEvent, problem: Option<&str>) {
        self.raw.push_raw(source, limits.now, seq, event, problem);
    }

    /// Sets an event aside, with its reason.
    pub fn quarantine(
        &mut self,
        source: &Source,
        limits: &Limits,
        seq: Seq,
        event: &RawEvent,
        reason: Quarantine,
        detail: &str,
    ) {
        self.follow_up(source.agent_id, FollowUp::EventsQuarantined(reason));
        self.quarantined.push_quarantined(source, limits.now, seq, event, reason, detail);
    }

    /// How many events were set aside.
    #[must_use]
    pub fn quarantined_count(&self) -> usize {
        self.quarantined.count()
    }

    /// Writes all of it, with what is kept exact beside it. Nothing here may be written twice: the caller holds the
    /// ledger's lock.
    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.production.write(connection).await?;
        self.states.write(connection).await?;
        self.downtime.write(connection).await?;
        self.scans.write(connection).await?;
        self.measurements.write(connection).await?;
        self.jobs.write(connection).await?;
        self.shift_log.write(connection).await?;
        self.alarms.write(connection).await?;
        self.gaps.write(connection).await?;
        self.raw.write_raw(connection).await?;
        self.quarantined.write_quarantined(connection).await?;
        super::store::touch_aggregates(connection, &self.touched).await
    }
}

impl Limits {
    fn admit(&self, calendar: &mut PlantCalendar, at: UtcMicros) -> Result<PlantDay, (Quarantine, String)> {
        let ahead = at.since(self.now);
        if ahead > self.future_us {
            return Err((Quarantine::Future, format!("{} ahead of central's clock", span(ahead))));
        }
        let day = calendar.day_of(at).filter(|_| at >= OLDEST);
        let day = day.ok_or_else(|| (Quarantine::OutOfRange, "its time is before 2000".to_owned()))?;
        self.open(at)?;
        Ok(day)
    }

    fn open(&self, at: UtcMicros) -> Result<(), (Quarantine, String)> {
        if self.closed_months.is_empty() {
            return Ok(());
        }
        let month = month_of(utc_day(at));
        if self.closed_months.contains(&month) {
            return Err((Quarantine::BeyondRetention, format!("the rows of {} were dropped", month.format("%Y-%m"))));
        }
        Ok(())
    }

    /// The days that an ended stop covered.
    fn pieces(
        &self,
        calendar: &mut PlantCalendar,
        at: UtcMicros,
        kind: &EventKind,
    ) -> Result<Vec<Piece>, (Quarantine, String)> {
        let EventKind::Downtime(entry) = kind else { return Ok(Vec::new()) };
        let (DowntimeEntry::Began { stop, .. }
        | DowntimeEntry::Ended { stop, .. }
        | DowntimeEntry::Reason { stop, .. }
        | DowntimeEntry::Note { stop, .. }
        | DowntimeEntry::Split { stop, .. }) = entry;
        if i64::try_from(stop.0).is_err() {
            return Err((Quarantine::OutOfRange, format!("stop number {}", stop.0)));
        }
        let DowntimeEntry::Ended { lasted_us, .. } = entry else { return Ok(Vec::new()) };
        if !(0..=downtime::store::LASTED_US_MAX).contains(lasted_us) {
            return Err((Quarantine::OutOfRange, format!("a stop of {} s", lasted_us / 1_000_000)));
        }
        // The duration is monotonic and true; the wall clock may have been set while the stop lasted. So the stop is laid
        // down backwards from its end.
        let pieces = calendar.pieces(at.plus_us(-lasted_us), at).unwrap_or_default();
        for (_, at, _) in &pieces {
            if *at < OLDEST {
                return Err((Quarantine::OutOfRange, "it began before 2000".to_owned()));
            }
            self.open(*at)?;
        }
        Ok(pieces)
    }
}

/// First day of the month of a day, both counted in UTC.
pub fn month_of(utc_day: i32) -> NaiveDate {
    let date = date_of(utc_day);
    date.with_day(1).unwrap_or(date)
}

/// A sequence as the database holds it. None is reached that does not fit: the ledger knows none.
pub fn seq_bits(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// A span of time in the largest unit that still says it well.
fn span(us: i64) -> String {
    let s = us / 1_000_000;
    match s {
        ..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}
