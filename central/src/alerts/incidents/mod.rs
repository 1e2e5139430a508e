//! What somebody should look at, from when central noticed until it was over.

pub mod routes;
pub mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::deliveries::{self, NoticeKind};
use super::rules::IncidentKind;
use crate::queue::attempt::{Attempt, Failure, Outcome};
use crate::queue::job::Recorded;

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Incident {
    pub id: i64,
    pub plant: String,
    pub line: Option<String>,
    pub kind: IncidentKind,
    /// What people call the machine, station or agent.
    pub title: String,
    /// What is known beside that, such as the text of the gap or of the call.
    pub detail: String,
    pub machine: Option<String>,
    pub machine_id: Option<i32>,
    pub agent: String,
    pub agent_uuid: uuid::Uuid,
    /// When it began on the floor.
    pub began_at: DateTime<Utc>,
    /// When central knew.
    pub opened_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// Gaps: how many were recorded while it was open.
    pub occurrences: i64,
    /// When it was over; none while it is open.
    pub resolved_at: Option<DateTime<Utc>>,
}

/// Opens or prolongs the incident of the gaps that a job is about, in one transaction with the end of the job.
pub async fn gaps_recorded(attempt: &Attempt, recorded: &Recorded, now: DateTime<Utc>) -> Result<Outcome, Failure> {
    let mut transaction = attempt.pool.begin().await?;
    let opened = store::open_gaps(&mut transaction, recorded, now).await?;
    deliveries::announce(&mut transaction, NoticeKind::Opened, &opened, now).await?;
    let outcome = attempt.finish(&mut transaction).await?;
    transaction.commit().await?;
    Ok(outcome)
}

/// The same for two histories under one name.
pub async fn agent_diverged(attempt: &Attempt, now: DateTime<Utc>) -> Result<Outcome, Failure> {
    let mut transaction = attempt.pool.begin().await?;
    let opened = store::open_divergences(&mut transaction, now).await?;
    deliveries::announce(&mut transaction, NoticeKind::Opened, &opened, now).await?;
    let outcome = attempt.finish(&mut transaction).await?;
    transaction.commit().await?;
    Ok(outcome)
}

/// Opens and resolves calls for help. What counts is the last word of each place that the job's alarms are about, so that
/// jobs may run in any order.
pub async fn alarms_raised(attempt: &Attempt, recorded: &Recorded, now: DateTime<Utc>) -> Result<Outcome, Failure> {
    let mut transaction = attempt.pool.begin().await?;
    store::lock_calls(&mut transaction, recorded.agent_id).await?;
    for call in store::calls(&mut transaction, recorded).await? {
        let (kind, changed) = if call.active {
            (NoticeKind::Opened, store::open_call(&mut transaction, &call, now).await?)
        } else {
            (NoticeKind::Resolved, store::resolve_call(&mut transaction, &call, now).await?)
        };
        deliveries::announce(&mut transaction, kind, &changed, now).await?;
    }
    let outcome = attempt.finish(&mut transaction).await?;
    transaction.commit().await?;
    Ok(outcome)
}
