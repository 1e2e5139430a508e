//! SQL about how machines stand.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgPool;

use super::{Counts, Machine, Pieces, age_s};

#[derive(Debug, sqlx::FromRow)]
struct MachineRow {
    id: i32,
    plant: String,
    name: String,
    title: String,
    agent: String,
    state: Option<String>,
    state_since: Option<DateTime<Utc>>,
    last_reading_at: Option<DateTime<Utc>>,
    reported_at: Option<DateTime<Utc>>,
    plant_day: NaiveDate,
    good: i64,
    scrap: i64,
    rework: i64,
    good_today: i64,
    scrap_today: i64,
    rework_today: i64,
    good_reported: Option<i64>,
    scrap_reported: Option<i64>,
    rework_reported: Option<i64>,
}

impl MachineRow {
    fn into_machine(self, now: DateTime<Utc>) -> Machine {
        Machine {
            age_s: age_s(now, self.reported_at, self.last_reading_at),
            id: self.id,
            plant: self.plant,
            name: self.name,
            title: self.title,
            agent: self.agent,
            state: self.state,
            state_since: self.state_since,
            last_reading_at: self.last_reading_at,
            reported_at: self.reported_at,
            counts: Counts {
                total: Pieces { good: self.good, scrap: self.scrap, rework: self.rework },
                today: Pieces { good: self.good_today, scrap: self.scrap_today, rework: self.rework_today },
                plant_day: self.plant_day,
            },
            reported: self.good_reported.map(|good| Pieces {
                good,
                scrap: self.scrap_reported.unwrap_or(0),
                rework: self.rework_reported.unwrap_or(0),
            }),
        }
    }
}

/// Which machines are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'f> {
    /// Only machines of these plants; none for all.
    pub plants: Option<&'f [i32]>,
    pub id: Option<i32>,
    pub plant: Option<&'f str>,
    pub name: Option<&'f str>,
    /// Only those after this one, by plant and name.
    pub after: Option<(&'f str, &'f str)>,
}

/// By plant and name, at most `limit`.
pub async fn machines(
    pool: &PgPool,
    filter: Filter<'_>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Machine>, sqlx::Error> {
    let rows: Vec<MachineRow> = sqlx::query_as(
        "WITH chosen AS (
            SELECT m.id, m.plant_id, m.name, m.title, m.agent_id, p.name AS plant,
                   ($6 AT TIME ZONE p.time_zone)::date AS plant_day
            FROM machines m JOIN plants p ON p.id = m.plant_id
            WHERE ($1::int IS NULL OR m.id = $1) AND ($2::text IS NULL OR p.name = $2)
              AND ($3::text IS NULL OR m.name = $3) AND ($4::text IS NULL OR (p.name, m.name) > ($4, $5))
              AND ($8::int[] IS NULL OR m.plant_id = ANY ($8))
            ORDER BY p.name, m.name LIMIT $7
        ), summed AS (
            SELECT s.machine_id,
                   sum(s.good)::bigint AS good, sum(s.scrap)::bigint AS scrap, sum(s.rework)::bigint AS rework,
                   sum(s.good) FILTER (WHERE s.plant_day = c.plant_day)::bigint AS good_today,
                   sum(s.scrap) FILTER (WHERE s.plant_day = c.plant_day)::bigint AS scrap_today,
                   sum(s.rework) FILTER (WHERE s.plant_day = c.plant_day)::bigint AS rework_today
            FROM daily_production_summary s JOIN chosen c ON c.plant_id = s.plant_id AND c.id = s.machine_id
            GROUP BY s.machine_id
        )
        SELECT c.id, c.plant, c.name, c.title, a.name AS agent, c.plant_day,
               l.state, l.state_since, l.last_reading_at, l.reported_at,
               coalesce(s.good, 0) AS good, coalesce(s.scrap, 0) AS scrap, coalesce(s.rework, 0) AS rework,
               coalesce(s.good_today, 0) AS good_today, coalesce(s.scrap_today, 0) AS scrap_today,
               coalesce(s.rework_today, 0) AS rework_today,
               l.good AS good_reported, l.scrap AS scrap_reported, l.rework AS rework_reported
        FROM chosen c JOIN agents a ON a.id = c.agent_id
        LEFT JOIN machine_live l ON l.machine_id = c.id LEFT JOIN summed s ON s.machine_id = c.id
        ORDER BY c.plant, c.name",
    )
    .bind(filter.id)
    .bind(filter.plant)
    .bind(filter.name)
    .bind(filter.after.map(|(plant, _)| plant))
    .bind(filter.after.map(|(_, name)| name))
    .bind(now)
    .bind(limit)
    .bind(filter.plants)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_machine(now)).collect())
}
