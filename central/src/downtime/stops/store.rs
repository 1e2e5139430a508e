//! SQL about stops and what was said of them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Entry;
use crate::web::page::Place;
use crate::web::span::Span;

/// A stop as it was detected: whether it began where this says is for the reconstruction to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Candidate {
    pub began_at: DateTime<Utc>,
    pub machine_id: i32,
    pub agent_id: i32,
    pub stop: i64,
}

impl Candidate {
    #[must_use]
    pub fn place(&self) -> Place {
        Place { at: self.began_at, keys: [self.machine_id.into(), self.agent_id.into(), self.stop] }
    }
}

/// Stops that began in the span, newest first, strictly after `after`; at most `limit`. With `unexplained` those are left
/// out that surely have a reason or need none.
pub async fn began_within(
    connection: impl PgExecutor<'_>,
    machines: &[i32],
    span: Span,
    unexplained: bool,
    after: Option<Place>,
    limit: i64,
) -> sqlx::Result<Vec<Candidate>> {
    sqlx::query_as(
        "SELECT c.began_at, c.machine_id, c.agent_id, c.stop FROM unnest($1::int[]) m(id) CROSS JOIN LATERAL (
            SELECT DISTINCT coalesce(e.began_at, e.at) AS began_at, e.machine_id, e.agent_id, e.stop
            FROM downtime_entries e
            WHERE e.machine_id = m.id AND e.change IN ('began', 'ended')
              AND coalesce(e.began_at, e.at) >= $2 AND coalesce(e.began_at, e.at) < $3
              AND ($4::timestamptz IS NULL OR (coalesce(e.began_at, e.at) <= $4
                   AND (coalesce(e.began_at, e.at), e.machine_id, e.agent_id, e.stop) < ($4, $5, $6, $7)))
              AND (NOT $9 OR EXISTS (
                       SELECT FROM downtime_entries x WHERE x.machine_id = e.machine_id AND x.agent_id = e.agent_id
                       AND x.stop = e.stop AND x.change = 'split')
                   OR NOT EXISTS (
                       SELECT FROM downtime_entries x WHERE x.machine_id = e.machine_id AND x.agent_id = e.agent_id
                       AND x.stop = e.stop AND (x.epoch = e.epoch AND (x.micro OR x.change = 'reason')
                           OR x.epoch IS NULL AND x.change = 'reason' AND x.began_at = coalesce(e.began_at, e.at))))
            ORDER BY began_at DESC, e.machine_id DESC, e.agent_id DESC, e.stop DESC LIMIT $8
         ) c ORDER BY 1 DESC, 2 DESC, 3 DESC, 4 DESC LIMIT $8",
    )
    .bind(machines)
    .bind(span.from)
    .bind(span.to)
    .bind(after.map(|place| place.at))
    .bind(after.map(|place| place.keys[0]))
    .bind(after.map(|place| place.keys[1]))
    .bind(after.map(|place| place.keys[2]))
    .bind(limit)
    .bind(unexplained)
    .fetch_all(connection)
    .await
}

/// Stops that may have gone on as `moment` came: a machine's last few before it, and those that go on still.
pub async fn going_on_at(
    connection: impl PgExecutor<'_>,
    machines: &[i32],
    moment: DateTime<Utc>,
) -> sqlx::Result<Vec<Candidate>> {
    sqlx::query_as(
        "SELECT c.began_at, c.machine_id, c.agent_id, c.stop FROM unnest($1::int[]) m(id) CROSS JOIN LATERAL (
            SELECT coalesce(e.began_at, e.at) AS began_at, e.machine_id, e.agent_id, e.stop FROM downtime_entries e
            WHERE e.machine_id = m.id AND e.change IN ('began', 'ended') AND coalesce(e.began_at, e.at) < $2
            ORDER BY 1 DESC LIMIT 8
         ) c
         UNION SELECT o.began_at, o.machine_id, o.agent_id, o.stop FROM open_stops o
         WHERE o.machine_id = ANY ($1) AND o.began_at < $2",
    )
    .bind(machines)
    .bind(moment)
    .fetch_all(connection)
    .await
}

/// Everything that was said of these stops and the parts they were split into.
pub async fn entries(connection: &mut PgConnection, stops: &[Candidate]) -> sqlx::Result<Vec<Entry>> {
    sqlx::query_as(
        "WITH RECURSIVE family(machine_id, agent_id, stop) AS (
            SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[])
            UNION
            SELECT e.machine_id, e.agent_id, e.new_stop FROM family f
            JOIN downtime_entries e USING (machine_id, agent_id, stop) WHERE e.change = 'split'
         )
         SELECT e.at, e.machine_id, e.agent_id, e.epoch, e.seq, e.stop, e.change::text AS change, e.began_at, e.lasted_us,
                e.state::text AS state, e.detected_by::text AS detected_by, e.micro, e.reason, r.title AS reason_title,
                r.planned, e.note, e.split_from, e.new_stop, e.operator, o.name AS operator_name, e.entry, e.entered_by,
                nullif(u.display_name, '') AS entered_by_name, e.why
         FROM family f JOIN downtime_entries e USING (machine_id, agent_id, stop)
         LEFT JOIN reasons r ON r.plant_id = e.plant_id AND r.code = e.reason
         LEFT JOIN operators o ON o.plant_id = e.plant_id AND o.number = e.operator
         -- A token may be called like a user: then nobody knows which of the two it was.
         LEFT JOIN users u ON u.name = e.entered_by AND NOT EXISTS (SELECT FROM api_tokens t WHERE t.name = u.name)",
    )
    .bind(stops.iter().map(|stop| stop.machine_id).collect::<Vec<_>>())
    .bind(stops.iter().map(|stop| stop.agent_id).collect::<Vec<_>>())
    .bind(stops.iter().map(|stop| stop.stop).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
}
