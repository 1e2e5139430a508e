//! The machine that a page is about: where it stands, who reports it, and how far anything is known of it. Nothing here
//! writes.

pub mod store;

use chrono::{DateTime, Duration, Utc};

use crate::auth::{Permission, Principal};
use crate::web::Reads;
use crate::web::problem::Problem;

/// Agents are heard at least once a minute (`uplink.heartbeat_ms`): one that was not heard for so long is silent.
const SILENT_AFTER: Duration = Duration::seconds(90);

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Subject {
    pub id: i32,
    pub plant_id: i32,
    /// The agent that may report it.
    pub agent_id: i32,
    pub plant: String,
    pub name: String,
    pub time_zone: String,
    /// As its agent last said; none when it never did.
    pub state: Option<String>,
    pub state_since: Option<DateTime<Utc>>,
    pub reported_at: Option<DateTime<Utc>>,
    /// The oldest event that the agent still holds back.
    pub backlog_oldest_at: Option<DateTime<Utc>>,
}

impl Subject {
    /// Up to when facts say what happened: `now` while the agent is heard and holds nothing back. None when nothing was
    /// ever reported.
    #[must_use]
    pub fn evidence_end(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let heard = current(self.reported_at?, now);
        Some(self.backlog_oldest_at.map_or(heard, |oldest| heard.min(current(oldest, now))))
    }
}

/// `at`, or `now` when that is not yet long ago.
fn current(at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    if now - at <= SILENT_AFTER { now } else { at }
}

/// The machine, if it is in a plant of the principal's; or the answer that there is none.
pub async fn find(reads: &Reads, principal: &Principal, id: i32) -> Result<Subject, Problem> {
    principal.may(Permission::Read)?;
    let filter = store::Filter { plants: principal.plants.ids(), id: Some(id), ..store::Filter::default() };
    let found = store::subjects(&reads.pool, filter, 1).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such machine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn subject(reported_at: Option<i64>, backlog_oldest_at: Option<i64>) -> Subject {
        Subject {
            id: 1,
            plant_id: 1,
            agent_id: 1,
            plant: String::new(),
            name: String::new(),
            time_zone: String::new(),
            state: None,
            state_since: None,
            reported_at: reported_at.map(at),
            backlog_oldest_at: backlog_oldest_at.map(at),
        }
    }

    #[test]
    fn evidence_ends_with_the_last_report_of_a_silent_agent_and_before_its_backlog() {
        assert_eq!(subject(Some(990), None).evidence_end(at(1000)), Some(at(1000)));
        assert_eq!(subject(Some(500), None).evidence_end(at(1000)), Some(at(500)));
        assert_eq!(subject(Some(990), Some(200)).evidence_end(at(1000)), Some(at(200)));
        assert_eq!(subject(Some(990), Some(989)).evidence_end(at(1000)), Some(at(1000)));
        assert_eq!(subject(None, Some(1)).evidence_end(at(1000)), None);
    }
}
