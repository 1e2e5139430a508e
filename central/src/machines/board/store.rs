//! SQL of the board. Every question takes the machines or agents it is about, so that the same ones serve for a look at
//! what changed and for reading everything anew.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use protocol::event::MachineState;
use sqlx::PgConnection;

use super::OpenStop;
use super::jobs::{Action, Current, Entry};
use super::picture::{Counts, Live, Place};

/// Entries of a machine's job log that are looked at: more than a person makes in weeks.
const JOB_ENTRIES_MAX: i64 = 200;

/// An agent that moved on by more events than this is read anew rather than followed.
pub const EVENTS_FOLLOWED_MAX: i64 = 10_000;

/// How far an agent's log is committed, and when the agent was last heard of.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Head {
    pub agent_id: i32,
    pub epoch: i32,
    pub mark: i64,
    pub last_sync_at: Option<DateTime<Utc>>,
}

pub async fn heads(connection: &mut PgConnection) -> sqlx::Result<Vec<Head>> {
    sqlx::query_as(
        "SELECT l.agent_id, l.epoch, l.mark, s.last_sync_at
         FROM sync_ledger l LEFT JOIN agent_status s USING (agent_id)",
    )
    .fetch_all(connection)
    .await
}

/// The revision of every plant's master data.
pub async fn revisions(connection: &mut PgConnection) -> sqlx::Result<BTreeMap<i32, i64>> {
    let rows: Vec<(i32, i64)> =
        sqlx::query_as("SELECT id, master_data_revision FROM plants").fetch_all(connection).await?;
    Ok(rows.into_iter().collect())
}

pub async fn places(connection: &mut PgConnection) -> sqlx::Result<Vec<Place>> {
    sqlx::query_as(
        "SELECT m.id, m.plant_id, p.name AS plant, p.time_zone, l.name AS line,
                coalesce(nullif(l.title, ''), l.name) AS line_title, m.name, m.title, m.agent_id, a.name AS agent
         FROM machines m JOIN plants p ON p.id = m.plant_id JOIN agents a ON a.id = m.agent_id
         LEFT JOIN lines l ON l.id = m.line_id",
    )
    .fetch_all(connection)
    .await
}

#[derive(Debug, sqlx::FromRow)]
struct LiveRow {
    machine_id: i32,
    state: String,
    state_since: DateTime<Utc>,
    last_reading_at: Option<DateTime<Utc>>,
    reported_at: DateTime<Utc>,
}

/// How all machines stand. They are compared rather than asked for by time: centrals' clocks may differ.
pub async fn live(connection: &mut PgConnection) -> sqlx::Result<HashMap<i32, Live>> {
    let rows: Vec<LiveRow> =
        sqlx::query_as("SELECT machine_id, state, state_since, last_reading_at, reported_at FROM machine_live")
            .fetch_all(connection)
            .await?;
    let live = |row: &LiveRow| Live {
        state: MachineState::ALL.into_iter().find(|it| it.as_str() == row.state).unwrap_or(MachineState::NoData),
        state_since: row.state_since,
        last_reading_at: row.last_reading_at,
        reported_at: row.reported_at,
    };
    Ok(rows.iter().map(|row| (row.machine_id, live(row))).collect())
}

/// Whom entries are about that came after these marks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Machines.
    pub stops: Vec<i32>,
    /// Machines.
    pub jobs: Vec<i32>,
    /// Agents.
    pub shifts: Vec<i32>,
}

/// At most [`EVENTS_FOLLOWED_MAX`] events each are looked through.
pub async fn touched(connection: &mut PgConnection, since: &[Head]) -> sqlx::Result<Touched> {
    let rows: Vec<(String, i32)> = sqlx::query_as(
        // With a limit the planner walks the index from the mark on, whatever it believes of `>`.
        "SELECT DISTINCT 'stop', e.machine_id FROM unnest($1::int[], $2::int[], $3::bigint[]) s(agent_id, epoch, mark),
         LATERAL (SELECT machine_id FROM downtime_entries d
                  WHERE d.agent_id = s.agent_id AND d.epoch = s.epoch AND d.seq > s.mark ORDER BY d.seq LIMIT $4) e
         UNION ALL
         SELECT DISTINCT 'job', e.machine_id FROM unnest($1::int[], $2::int[], $3::bigint[]) s(agent_id, epoch, mark),
         LATERAL (SELECT machine_id FROM job_log j
                  WHERE j.agent_id = s.agent_id AND j.epoch = s.epoch AND j.seq > s.mark ORDER BY j.seq LIMIT $4) e
         WHERE e.machine_id IS NOT NULL
         UNION ALL
         SELECT 'shift', s.agent_id FROM unnest($1::int[], $2::int[], $3::bigint[]) s(agent_id, epoch, mark),
         LATERAL (SELECT FROM shift_log l
                  WHERE l.agent_id = s.agent_id AND l.epoch = s.epoch AND l.seq > s.mark ORDER BY l.seq LIMIT 1) e",
    )
    .bind(since.iter().map(|head| head.agent_id).collect::<Vec<_>>())
    .bind(since.iter().map(|head| head.epoch).collect::<Vec<_>>())
    .bind(since.iter().map(|head| head.mark).collect::<Vec<_>>())
    .bind(EVENTS_FOLLOWED_MAX)
    .fetch_all(connection)
    .await?;
    let mut touched = Touched::default();
    for (what, id) in rows {
        match what.as_str() {
            "stop" => touched.stops.push(id),
            "job" => touched.jobs.push(id),
            _ => touched.shifts.push(id),
        }
    }
    Ok(touched)
}

/// How much was said at central of each machine's stops, and when last.
pub async fn said_at_central(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> sqlx::Result<HashMap<i32, (i64, DateTime<Utc>)>> {
    let rows: Vec<(i32, i64, DateTime<Utc>)> = sqlx::query_as(
        "SELECT machine_id, count(*), max(at) FROM downtime_entries WHERE seq IS NULL AND at >= $1 GROUP BY machine_id",
    )
    .bind(since)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(machine, count, last)| (machine, (count, last))).collect())
}

/// Whose pieces are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub machine_id: i32,
    pub plant_id: i32,
    pub today: NaiveDate,
    /// The day on which the running order was first started; today without one.
    pub job_day: NaiveDate,
}

pub async fn counts(connection: &mut PgConnection, wanted: &[Wanted]) -> sqlx::Result<HashMap<i32, Counts>> {
    let rows: Vec<(i32, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT w.machine_id, coalesce(sum(s.good) FILTER (WHERE s.plant_day = w.today), 0)::bigint,
                coalesce(sum(s.scrap) FILTER (WHERE s.plant_day = w.today), 0)::bigint,
                coalesce(sum(s.rework) FILTER (WHERE s.plant_day = w.today), 0)::bigint,
                coalesce(sum(s.good) FILTER (WHERE s.plant_day >= w.job_day), 0)::bigint
         FROM unnest($1::int[], $2::int[], $3::date[], $4::date[]) w(machine_id, plant_id, today, job_day)
         JOIN recent_production s ON s.plant_id = w.plant_id AND s.machine_id = w.machine_id
              AND s.plant_day >= least(w.today, w.job_day)
         GROUP BY w.machine_id",
    )
    .bind(wanted.iter().map(|it| it.machine_id).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.plant_id).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.today).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.job_day).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let counts = |(id, good, scrap, rework, good_from_job_day)| (id, Counts { good, scrap, rework, good_from_job_day });
    Ok(rows.into_iter().map(counts).collect())
}

/// The newest open stop of each machine.
pub async fn open_stops(connection: &mut PgConnection, machines: &[i32]) -> sqlx::Result<HashMap<i32, OpenStop>> {
    type Row = (i32, i64, i32, DateTime<Utc>, Option<String>, Option<String>);
    // What was said at central holds, as in `downtime::stops`.
    // What stands in the agent's log before this stop began is about another of the same number, whatever time it bears.
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT DISTINCT ON (o.machine_id) o.machine_id, o.stop, o.agent_id, o.began_at, r.reason, t.title
         FROM open_stops o LEFT JOIN LATERAL (
             SELECT b.epoch, b.seq FROM downtime_entries b
             WHERE b.machine_id = o.machine_id AND b.agent_id = o.agent_id AND b.stop = o.stop AND b.change = 'began'
             ORDER BY b.epoch DESC, b.seq DESC LIMIT 1) b ON true
         LEFT JOIN LATERAL (
             SELECT e.reason FROM downtime_entries e
             WHERE e.machine_id = o.machine_id AND e.agent_id = o.agent_id AND e.stop = o.stop AND e.change = 'reason'
               AND CASE WHEN e.seq IS NULL THEN e.began_at = o.began_at ELSE (e.epoch, e.seq) > (b.epoch, b.seq) END
             ORDER BY (e.seq IS NULL) DESC, e.at DESC, e.epoch DESC, e.seq DESC LIMIT 1) r ON true
         LEFT JOIN reasons t ON t.plant_id = o.plant_id AND t.code = r.reason
         WHERE o.machine_id = ANY ($1) ORDER BY o.machine_id, o.began_at DESC, o.stop DESC",
    )
    .bind(machines)
    .fetch_all(connection)
    .await?;
    let open = |(id, stop, agent_id, began_at, reason, reason_title)| {
        (id, OpenStop { stop, agent_id, began_at, reason, reason_title })
    };
    Ok(rows.into_iter().map(open).collect())
}

/// The newest entries of each machine's job log, oldest first.
pub async fn job_entries(connection: &mut PgConnection, machines: &[i32]) -> sqlx::Result<HashMap<i32, Vec<Entry>>> {
    let rows: Vec<(i32, DateTime<Utc>, String, String)> = sqlx::query_as(
        "SELECT m.id, e.at, e.action::text, e.work_order FROM unnest($1::int[]) m(id) CROSS JOIN LATERAL (
             SELECT at, epoch, seq, action, work_order FROM job_log WHERE machine_id = m.id
             ORDER BY at DESC, epoch DESC, seq DESC LIMIT $2) e
         ORDER BY m.id, e.at, e.epoch, e.seq",
    )
    .bind(machines)
    .bind(JOB_ENTRIES_MAX)
    .fetch_all(connection)
    .await?;
    let mut entries: HashMap<i32, Vec<Entry>> = HashMap::new();
    for (machine, at, action, work_order) in rows {
        let action = match action.as_str() {
            "pause" => Action::Pause,
            "finish" => Action::Finish,
            _ => Action::Begin,
        };
        entries.entry(machine).or_default().push(Entry { at, action, work_order });
    }
    Ok(entries)
}

/// Master data of a work order.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Order {
    pub plant_id: i32,
    pub code: String,
    pub product: String,
    pub product_title: String,
    pub quantity: Option<i64>,
    pub ideal_cycle_ms: Option<i64>,
}

pub async fn orders(
    connection: &mut PgConnection,
    wanted: &[(i32, &Current)],
) -> sqlx::Result<HashMap<(i32, String), Order>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Order> = sqlx::query_as(
        "SELECT o.plant_id, o.code, o.product, p.title AS product_title, o.quantity, p.ideal_cycle_ms
         FROM (SELECT DISTINCT * FROM unnest($1::int[], $2::text[]) t(plant_id, code)) w
         JOIN work_orders o USING (plant_id, code) JOIN products p ON p.plant_id = o.plant_id AND p.code = o.product",
    )
    .bind(wanted.iter().map(|(plant, _)| *plant).collect::<Vec<_>>())
    .bind(wanted.iter().map(|(_, current)| current.work_order.as_str()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|order| ((order.plant_id, order.code.clone()), order)).collect())
}

/// What is asked about a machine's running order. Many facts are read for it: for many machines at once, apart from looks.
#[derive(Debug, Clone)]
pub struct BaseWanted {
    pub machine_id: i32,
    pub first_start: DateTime<Utc>,
    /// How it stood, and since when, when this was asked.
    pub was_running: bool,
    pub until: DateTime<Utc>,
}

/// Good pieces of each machine from the beginning of a plant's day up to its order's first start on it.
pub async fn good_before(
    connection: &mut PgConnection,
    wanted: &[BaseWanted],
    (day, begins): (NaiveDate, DateTime<Utc>),
) -> sqlx::Result<HashMap<i32, i64>> {
    let rows: Vec<(i32, i64)> = sqlx::query_as(
        "SELECT w.machine_id, sum(p.delta)::bigint FROM unnest($1::int[], $2::timestamptz[]) w(machine_id, first_start)
         JOIN production_logs p ON p.machine_id = w.machine_id AND p.at < w.first_start
         WHERE p.plant_day = $3 AND p.at >= $4 AND p.at < $5 AND p.quality = 'good' GROUP BY w.machine_id",
    )
    .bind(wanted.iter().map(|it| it.machine_id).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.first_start).collect::<Vec<_>>())
    .bind(day)
    .bind(begins)
    .bind(wanted.iter().map(|it| it.first_start).max())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// How many microseconds each machine ran from its order's first start on. What it did then is looked for a day back.
pub async fn running_us(connection: &mut PgConnection, wanted: &[BaseWanted]) -> sqlx::Result<HashMap<i32, i64>> {
    let rows: Vec<(i32, i64)> = sqlx::query_as(
        "SELECT machine_id, sum(extract(epoch FROM least(ends, until) - greatest(at, first_start)) * 1000000)::bigint
         FROM (SELECT w.machine_id, w.first_start, w.until, s.at, s.state,
                      lead(s.at, 1, w.until) OVER (PARTITION BY w.machine_id ORDER BY s.at, s.epoch, s.seq) AS ends
               FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) w(machine_id, first_start, until)
               JOIN machine_states s ON s.machine_id = w.machine_id AND s.at < w.until
                    AND s.at >= w.first_start - interval '1 day'
               WHERE s.at >= $4 - interval '1 day' AND s.at < $5) s
         WHERE state = 'running' AND ends > first_start GROUP BY machine_id",
    )
    .bind(wanted.iter().map(|it| it.machine_id).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.first_start).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.until).collect::<Vec<_>>())
    .bind(wanted.iter().map(|it| it.first_start).min())
    .bind(wanted.iter().map(|it| it.until).max())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Somebody who is logged on: at a machine, or at the station of an agent.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LoggedOn {
    pub agent_id: i32,
    pub machine_id: Option<i32>,
    pub name: String,
}

/// By name. Who logged on before `since` and never off has gone home without a word.
pub async fn operators(
    connection: &mut PgConnection,
    agents: &[i32],
    since: DateTime<Utc>,
) -> sqlx::Result<Vec<LoggedOn>> {
    sqlx::query_as(
        "SELECT DISTINCT s.agent_id, s.machine_id, coalesce(nullif(o.name, ''), s.operator) AS name
         FROM (SELECT DISTINCT ON (agent_id, machine_id, station_id, operator) plant_id, agent_id, machine_id, operator, entry
               FROM shift_log WHERE agent_id = ANY ($1) AND at >= $2 AND entry IN ('operator_on', 'operator_off')
               ORDER BY agent_id, machine_id, station_id, operator, at DESC, epoch DESC, seq DESC) s
         LEFT JOIN operators o ON o.plant_id = s.plant_id AND o.number = s.operator
         WHERE s.entry = 'operator_on' AND s.operator IS NOT NULL ORDER BY name",
    )
    .bind(agents)
    .bind(since)
    .fetch_all(connection)
    .await
}
