//! What was last read of machines, and how rows of the board follow from it.
//!
//! Parts are replaced as a whole, machine by machine, by what the same questions answer again: reading a part twice is
//! as good as once, and reading everything anew ends in the same picture as having followed every change.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use protocol::event::MachineState;
use protocol::time::UtcMicros;

use super::jobs::{Current, Running};
use super::{BoardJob, BoardMachine, OpenStop};
use crate::fact::{PlantCalendar, date_of};

/// Everything is read again in so many looks, but of at least so many machines at once.
const READ_IN_LOOKS: usize = 25;
const READ_A_LOOK_MIN: usize = 10;

/// What hardly changes of a machine: master data.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Place {
    pub id: i32,
    pub plant_id: i32,
    pub plant: String,
    pub time_zone: String,
    pub line: Option<String>,
    pub line_title: Option<String>,
    pub name: String,
    pub title: String,
    pub agent_id: i32,
    pub agent: String,
}

/// How a machine stands, as its agent says.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub state: MachineState,
    pub state_since: DateTime<Utc>,
    pub last_reading_at: Option<DateTime<Utc>>,
    pub reported_at: DateTime<Utc>,
}

/// Sums of committed facts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counts {
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    /// Good pieces of all days from the one on which the running order was first started.
    pub good_from_job_day: i64,
}

/// The running order with its master data.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub current: Current,
    pub product: Option<String>,
    pub product_title: Option<String>,
    pub quantity: Option<i64>,
    pub ideal_cycle_ms: Option<i64>,
    /// The plant's day of its first start.
    pub first_day: NaiveDate,
    pub base: Option<JobBase>,
}

/// What had to be read from many facts: asked when an order starts, and again now and then.
#[derive(Debug, Clone, PartialEq)]
pub struct JobBase {
    /// Good pieces of the day of the first start that were made before it.
    pub good_before: i64,
    pub running: Running,
    pub read_at: DateTime<Utc>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub place: Place,
    /// The plant's day that `counts` are of.
    pub day: NaiveDate,
    pub live: Option<Live>,
    pub counts: Counts,
    pub job: Option<Job>,
    pub unexplained_stops: i64,
    pub open_stop: Option<OpenStop>,
    pub operators: Vec<String>,
    /// When everything of it was read last; none when never.
    pub read_at: Option<DateTime<Utc>>,
}

impl Seen {
    #[must_use]
    pub fn new(place: Place, day: NaiveDate) -> Seen {
        Seen {
            place,
            day,
            live: None,
            counts: Counts::default(),
            job: None,
            unexplained_stops: 0,
            open_stop: None,
            operators: Vec::new(),
            read_at: None,
        }
    }

    /// Notes how it stands, and follows how long it runs.
    pub fn stands(&mut self, live: Option<Live>) {
        self.live = live;
        self.follow();
    }

    fn follow(&mut self) {
        let Some(live) = &self.live else { return };
        if let Some(base) = self.job.as_mut().and_then(|job| job.base.as_mut()) {
            base.running.follow(live.state == MachineState::Running, live.state_since);
        }
    }

    /// The order that runs. What was read for the same run before stays.
    pub fn works_on(&mut self, job: Option<Job>) {
        let before = self.job.take();
        self.job = job.map(|mut job| {
            job.base = before
                .filter(|it| {
                    let (before, after) = (&it.current, &job.current);
                    before.work_order == after.work_order && before.first_start == after.first_start
                })
                .and_then(|it| it.base);
            job
        });
    }

    /// Unless another order runs by now.
    pub fn base_read(&mut self, first_start: DateTime<Utc>, base: JobBase) {
        if let Some(job) = self.job.as_mut().filter(|job| job.current.first_start == first_start) {
            job.base = Some(base);
        }
        self.follow();
    }

    #[must_use]
    pub fn row(&self) -> BoardMachine {
        let (place, live) = (&self.place, self.live.as_ref());
        BoardMachine {
            id: place.id,
            plant: place.plant.clone(),
            plant_id: place.plant_id,
            line: place.line.clone(),
            line_title: place.line_title.clone(),
            name: place.name.clone(),
            title: place.title.clone(),
            agent: place.agent.clone(),
            state: live.map(|live| live.state),
            state_since: live.map(|live| live.state_since),
            reported_at: live.map(|live| live.reported_at),
            last_reading_at: live.and_then(|live| live.last_reading_at),
            good: self.counts.good,
            scrap: self.counts.scrap,
            rework: self.counts.rework,
            job: self.job.as_ref().map(|job| self.board_job(job)),
            unexplained_stops: self.unexplained_stops,
            open_stop: self.open_stop.clone(),
            operators: self.operators.clone(),
        }
    }

    fn board_job(&self, job: &Job) -> BoardJob {
        // As far as there is evidence: nobody knows whether a machine still runs that is not heard of.
        let until = self.live.as_ref().map(|live| live.reported_at);
        let expected = job.base.as_ref().zip(job.ideal_cycle_ms).zip(until);
        BoardJob {
            work_order: job.current.work_order.clone(),
            product: job.product.clone(),
            product_title: job.product_title.clone(),
            quantity: job.quantity,
            good: job.base.as_ref().map(|base| self.counts.good_from_job_day - base.good_before),
            since: job.current.since,
            ideal_cycle_ms: job.ideal_cycle_ms,
            expected: expected.map(|((base, cycle_ms), until)| base.running.expected(cycle_ms, until)),
        }
    }
}

/// All machines.
#[derive(Debug, Default)]
pub struct Picture {
    pub machines: HashMap<i32, Seen>,
}

impl Picture {
    #[must_use]
    pub fn rows(&self) -> Vec<BoardMachine> {
        self.machines.values().map(Seen::row).collect()
    }

    /// Takes over the machines that there are. Of those that are new or another agent's everything is to be read.
    pub fn places(&mut self, places: Vec<Place>, days: &mut Days) {
        let mut before = std::mem::take(&mut self.machines);
        for place in places {
            let day = days.today(&place.time_zone);
            let seen = match before.remove(&place.id) {
                Some(seen) if seen.place.agent_id == place.agent_id => Seen { place, ..seen },
                Some(seen) => Seen { place, read_at: None, ..seen },
                None => Seen::new(place, day),
            };
            self.machines.insert(seen.place.id, seen);
        }
    }

    /// Machines of which everything is to be read: all that never were, and some of those that were not since `since`.
    #[must_use]
    pub fn unread(&self, since: DateTime<Utc>) -> Vec<i32> {
        let share = (self.machines.len() / READ_IN_LOOKS).max(READ_A_LOOK_MIN);
        let never = self.machines.values().filter(|seen| seen.read_at.is_none()).count();
        let mut unread: Vec<_> =
            self.machines.values().filter(|it| it.read_at.is_none_or(|read| read < since)).collect();
        unread.sort_unstable_by_key(|seen| (seen.read_at, seen.place.id));
        unread.iter().take(never.max(share)).map(|seen| seen.place.id).collect()
    }

    /// Machines on which another day has begun; they count from zero until they are read.
    pub fn roll_over(&mut self, days: &mut Days) -> Vec<i32> {
        let mut rolled = Vec::new();
        for seen in self.machines.values_mut() {
            let day = days.today(&seen.place.time_zone);
            if day != seen.day {
                seen.day = day;
                rolled.push(seen.place.id);
            }
        }
        rolled
    }

    /// The agents of these machines.
    #[must_use]
    pub fn agents_of(&self, machines: &[i32]) -> BTreeSet<i32> {
        machines.iter().filter_map(|machine| Some(self.machines.get(machine)?.place.agent_id)).collect()
    }

    /// Machines of these agents.
    #[must_use]
    pub fn machines_of(&self, agents: &[i32]) -> Vec<i32> {
        let of_them = self.machines.values().filter(|seen| agents.contains(&seen.place.agent_id));
        of_them.map(|seen| seen.place.id).collect()
    }
}

/// What day it is at each plant.
#[derive(Debug)]
pub struct Days {
    now: UtcMicros,
    calendars: HashMap<String, PlantCalendar>,
}

impl Days {
    #[must_use]
    pub fn new() -> Days {
        Days { now: UtcMicros(0), calendars: HashMap::new() }
    }

    pub fn set(&mut self, now: UtcMicros) {
        self.now = now;
    }

    pub fn today(&mut self, zone: &str) -> NaiveDate {
        self.day_of(zone, self.now)
    }

    pub fn day_of(&mut self, zone: &str, at: UtcMicros) -> NaiveDate {
        self.span(zone, at).0
    }

    /// The day, and when it began.
    pub fn span(&mut self, zone: &str, at: UtcMicros) -> (NaiveDate, UtcMicros) {
        if !self.calendars.contains_key(zone) {
            self.calendars.insert(zone.to_owned(), PlantCalendar::new(zone));
        }
        let day = self.calendars.get_mut(zone).and_then(|calendar| calendar.day_of(at));
        day.map_or((date_of(0), at), |day| (date_of(day.number), day.begins))
    }
}

impl Default for Days {
    fn default() -> Days {
        Days::new()
    }
}
