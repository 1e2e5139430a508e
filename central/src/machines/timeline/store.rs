//! SQL about the states a machine was in.

use chrono::{DateTime, Duration, Utc};
use protocol::event::MachineState;
use sqlx::PgPool;

use super::StateRow;
use crate::machines::subject::Subject;
use crate::web::span::Span;

/// How far back the state before a window is looked for, step by step: `machine_states` has a BRIN on `at` and no order,
/// so that "the last row before" is as dear as the stretch it is looked for in.
const LOOK_BACK: [Duration; 4] = [Duration::hours(2), Duration::days(1), Duration::days(8), Duration::days(64)];

#[derive(Debug, sqlx::FromRow)]
struct Row {
    at: DateTime<Utc>,
    state: String,
    source_code: Option<String>,
    reason: Option<String>,
}

impl From<Row> for StateRow {
    fn from(row: Row) -> StateRow {
        StateRow { at: row.at, state: state(&row.state), source_code: row.source_code, reason: row.reason }
    }
}

/// A word of the type `machine_state`.
#[must_use]
pub fn state(word: &str) -> MachineState {
    MachineState::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(MachineState::NoData)
}

/// States that began in the window, in order of time, at most `limit`.
pub async fn within(pool: &PgPool, machine: i32, window: Span, limit: usize) -> sqlx::Result<Vec<StateRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT at, state::text AS state, source_code, reason FROM machine_states
         WHERE machine_id = $1 AND at >= $2 AND at < $3 ORDER BY at, agent_id, epoch, seq LIMIT $4",
    )
    .bind(machine)
    .bind(window.from)
    .bind(window.to)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(StateRow::from).collect())
}

/// The state that held just before `moment`.
pub async fn before(pool: &PgPool, subject: &Subject, moment: DateTime<Utc>) -> sqlx::Result<Option<StateRow>> {
    // Mostly the machine still is in it: its row is at a moment that is known.
    if let (Some(since), Some(word)) = (subject.state_since, subject.state.as_deref())
        && since < moment
        && subject.backlog_oldest_at.is_none()
    {
        let found = last(pool, subject.id, since, since + Duration::microseconds(1)).await?;
        let told = StateRow { at: since, state: state(word), source_code: None, reason: None };
        return Ok(Some(found.filter(|row| row.state == told.state).unwrap_or(told)));
    }
    let mut to = moment;
    for back in LOOK_BACK {
        let from = moment - back;
        if let Some(found) = last(pool, subject.id, from, to).await? {
            return Ok(Some(found));
        }
        to = from;
    }
    last(pool, subject.id, DateTime::UNIX_EPOCH, to).await
}

async fn last(pool: &PgPool, machine: i32, from: DateTime<Utc>, to: DateTime<Utc>) -> sqlx::Result<Option<StateRow>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT at, state::text AS state, source_code, reason FROM machine_states
         WHERE machine_id = $1 AND at >= $2 AND at < $3 ORDER BY at DESC, agent_id DESC, epoch DESC, seq DESC LIMIT 1",
    )
    .bind(machine)
    .bind(from)
    .bind(to)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(StateRow::from))
}
