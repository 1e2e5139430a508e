//! `downtime_tracking` (what is summed up), `downtime_entries` (what was said), `open_stops` (what goes on).

use std::collections::BTreeMap;

use protocol::event::{DowntimeEntry, StopDetection};
use protocol::time::UtcMicros;
use sqlx::PgConnection;
use sqlx::types::chrono::{DateTime, Utc};

use crate::copy::CopyRows;
use crate::fact::{DAY_US, Head, Piece, date_of};

const COPY: &str = "COPY downtime_tracking (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, stop, \
                    state, detected_by, began, ended, micro, lasted_us) FROM STDIN (FORMAT binary)";
const COPY_ENTRIES: &str = "COPY downtime_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, \
                            stop, change, began_at, lasted_us, state, detected_by, micro, reason, note, \
                            split_from, new_stop, operator) FROM STDIN (FORMAT binary)";

/// A stop that lasted longer is a clock that was wrong: its event is set aside.
pub const LASTED_US_MAX: i64 = 400 * DAY_US;

/// Stops on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
    pub entries: CopyRows,
    weeks: BTreeMap<(i32, i32, i32), Sums>,
    /// How each stop stands after these entries: open, or ended.
    stops: BTreeMap<(i32, i32, i64), Option<OpenStop>>,
}

#[derive(Debug, Default)]
struct Sums {
    stops: i64,
    ended: i64,
    micro: i64,
    lasted_us: i64,
    micro_lasted_us: i64,
}

#[derive(Debug)]
struct OpenStop {
    plant_id: i32,
    began_at: UtcMicros,
    state: &'static str,
    detected_by: &'static str,
}

fn detection(detected_by: StopDetection) -> &'static str {
    match detected_by {
        StopDetection::State => "state",
        StopDetection::MissingCounts => "missing_counts",
    }
}

impl Rows {
    /// `pieces` are those of an ended stop: the plant day, where it began on it, how long it lasted on it.
    pub fn push(&mut self, head: &Head, machine: i32, entry: &DowntimeEntry, pieces: &[Piece]) {
        self.push_entry(head, machine, entry);
        match entry {
            DowntimeEntry::Began { stop, state, detected_by } => {
                let detected_by = detection(*detected_by);
                self.push_row(head, machine, stop.0, (state.as_str(), detected_by), (1, 0), false, 0);
                self.week(head.plant_id, machine, head.plant_day).stops += 1;
                let open = OpenStop { plant_id: head.plant_id, began_at: head.at, state: state.as_str(), detected_by };
                self.stops.insert((machine, head.agent_id, bits(stop.0)), Some(open));
            }
            DowntimeEntry::Ended { stop, state, detected_by, micro, .. } => {
                let words = (state.as_str(), detection(*detected_by));
                for (index, (day, at, lasted_us)) in pieces.iter().enumerate() {
                    let ended = i16::from(index + 1 == pieces.len());
                    let head = Head { at: *at, plant_day: day.number, ..head.clone() };
                    self.push_row(&head, machine, stop.0, words, (0, ended), *micro, *lasted_us);
                    let week = self.week(head.plant_id, machine, day.number);
                    week.ended += i64::from(ended);
                    week.lasted_us += lasted_us;
                    if *micro {
                        week.micro += i64::from(ended);
                        week.micro_lasted_us += lasted_us;
                    }
                }
                self.stops.insert((machine, head.agent_id, bits(stop.0)), None);
            }
            DowntimeEntry::Reason { .. } | DowntimeEntry::Note { .. } | DowntimeEntry::Split { .. } => {}
        }
    }

    fn week(&mut self, plant: i32, machine: i32, day: i32) -> &mut Sums {
        self.weeks.entry((plant, machine, day)).or_default()
    }

    #[expect(clippy::too_many_arguments, reason = "a row has that many columns")]
    fn push_row(
        &mut self,
        head: &Head,
        machine: i32,
        stop: u64,
        (state, detected_by): (&'static str, &'static str),
        (began, ended): (i16, i16),
        micro: bool,
        lasted_us: i64,
    ) {
        let rows = &mut self.copy;
        rows.row(15);
        rows.machine_head(head, machine);
        rows.bigint(bits(stop));
        rows.word(state);
        rows.word(detected_by);
        rows.smallint(began);
        rows.smallint(ended);
        rows.boolean(micro);
        rows.bigint(lasted_us);
    }

    fn push_entry(&mut self, head: &Head, machine: i32, entry: &DowntimeEntry) {
        let (stop, change) = match entry {
            DowntimeEntry::Began { stop, .. } => (stop, "began"),
            DowntimeEntry::Ended { stop, .. } => (stop, "ended"),
            DowntimeEntry::Reason { stop, .. } => (stop, "reason"),
            DowntimeEntry::Note { stop, .. } => (stop, "note"),
            DowntimeEntry::Split { stop, .. } => (stop, "split"),
        };
        let (mut ended, mut what, mut reason, mut note, mut split, mut operator) = (None, None, None, None, None, None);
        match entry {
            DowntimeEntry::Began { state, detected_by, .. } => what = Some((state.as_str(), detection(*detected_by))),
            DowntimeEntry::Ended { began_at, lasted_us, state, detected_by, micro, .. } => {
                what = Some((state.as_str(), detection(*detected_by)));
                ended = Some((*began_at, *lasted_us, *micro));
            }
            DowntimeEntry::Reason { reason: text, operator: by, .. } => (reason, operator) = (Some(text), by.as_ref()),
            DowntimeEntry::Note { note: text, operator: by, .. } => (note, operator) = (Some(text), by.as_ref()),
            DowntimeEntry::Split { from, new_stop, operator: by, .. } => {
                (split, operator) = (Some((*from, bits(new_stop.0))), by.as_ref());
            }
        }
        let rows = &mut self.entries;
        rows.row(20);
        rows.machine_head(head, machine);
        rows.bigint(bits(stop.0));
        rows.word(change);
        rows.optional(ended.map(|ended| ended.0), CopyRows::timestamptz);
        rows.optional(ended.map(|ended| ended.1), CopyRows::bigint);
        rows.optional(what.map(|what| what.0), CopyRows::word);
        rows.optional(what.map(|what| what.1), CopyRows::word);
        rows.optional(ended.map(|ended| ended.2), CopyRows::boolean);
        rows.optional(reason, |rows, text| rows.text(text));
        rows.optional(note, |rows, text| rows.text(text));
        rows.optional(split.map(|split| split.0), CopyRows::timestamptz);
        rows.optional(split.map(|split| split.1), CopyRows::bigint);
        rows.optional(operator, |rows, text| rows.text(text));
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.copy.write(connection, COPY).await?;
        self.entries.write(connection, COPY_ENTRIES).await?;
        if !self.weeks.is_empty() {
            let keys: Vec<_> = self.weeks.keys().collect();
            let sums = |of: fn(&Sums) -> i64| self.weeks.values().map(of).collect::<Vec<i64>>();
            sqlx::query("SELECT roll_up_downtime($1, $2, $3, $4, $5, $6, $7, $8)")
                .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
                .bind(keys.iter().map(|key| key.1).collect::<Vec<_>>())
                .bind(keys.iter().map(|key| date_of(key.2)).collect::<Vec<_>>())
                .bind(sums(|sums| sums.stops))
                .bind(sums(|sums| sums.ended))
                .bind(sums(|sums| sums.micro))
                .bind(sums(|sums| sums.lasted_us))
                .bind(sums(|sums| sums.micro_lasted_us))
                .execute(&mut *connection)
                .await?;
        }
        self.write_open_stops(connection).await
    }

    async fn write_open_stops(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let ended: Vec<_> = self.stops.iter().filter(|(_, open)| open.is_none()).map(|(key, _)| key).collect();
        if !ended.is_empty() {
            sqlx::query(
                "DELETE FROM open_stops o USING unnest($1::int[], $2::int[], $3::bigint[]) t(machine, agent, stop)
                 WHERE o.machine_id = t.machine AND o.agent_id = t.agent AND o.stop = t.stop",
            )
            .bind(ended.iter().map(|key| key.0).collect::<Vec<_>>())
            .bind(ended.iter().map(|key| key.1).collect::<Vec<_>>())
            .bind(ended.iter().map(|key| key.2).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
        }
        let open: Vec<_> = self.stops.iter().filter_map(|(key, open)| open.as_ref().map(|open| (key, open))).collect();
        if !open.is_empty() {
            sqlx::query(
                "INSERT INTO open_stops (machine_id, agent_id, stop, plant_id, began_at, state, detected_by)
                 SELECT m, a, s, p, b, st::machine_state, d::stop_detection
                 FROM unnest($1::int[], $2::int[], $3::bigint[], $4::int[], $5::timestamptz[], $6::text[], $7::text[])
                      t(m, a, s, p, b, st, d)
                 ON CONFLICT (machine_id, agent_id, stop) DO UPDATE
                 SET began_at = excluded.began_at, state = excluded.state, detected_by = excluded.detected_by",
            )
            .bind(open.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
            .bind(open.iter().map(|(key, _)| key.1).collect::<Vec<_>>())
            .bind(open.iter().map(|(key, _)| key.2).collect::<Vec<_>>())
            .bind(open.iter().map(|(_, open)| open.plant_id).collect::<Vec<_>>())
            .bind(open.iter().map(|(_, open)| timestamp(open.began_at)).collect::<Vec<_>>())
            .bind(open.iter().map(|(_, open)| open.state).collect::<Vec<_>>())
            .bind(open.iter().map(|(_, open)| open.detected_by).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// A stop's number as the database holds it; [`crate::sync`] sets numbers aside that do not fit.
fn bits(stop: u64) -> i64 {
    i64::try_from(stop).unwrap_or(i64::MAX)
}

fn timestamp(at: UtcMicros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap_or_default()
}
