//! What a message says is to be done.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Queue;

/// A job, as its message has it: an object with its `kind`. Who adds one adds its handler in [`super::handlers`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Does nothing: proves that messages are taken, and measures how fast.
    Nothing,
    /// Facts that somebody may want to hear of. Sent by `sync`, in the transaction of the facts.
    GapsRecorded(Recorded),
    AlarmsRaised(Recorded),
    EventsQuarantined(Recorded),
    AgentDiverged(Recorded),
    /// Sent by `alerts`, in the transaction that makes the delivery.
    SendMail(Notice),
    CallWebhook(Notice),
}

/// Which of an agent's events a job is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub plant_id: i32,
    pub agent_id: i32,
    pub epoch: i32,
    pub first_seq: i64,
    pub last_seq: i64,
    #[serde(default)]
    pub count: i64,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Which notice is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub plant_id: i32,
    pub delivery: Uuid,
}

/// A message that is no job. Trying again does not make it one.
#[derive(Debug, thiserror::Error)]
pub enum NoJob {
    #[error("the message is empty: expected an object with a kind")]
    Empty,
    #[error("the message is no job that this version of central knows")]
    Unknown(#[source] serde_json::Error),
}

impl Job {
    pub fn of(message: Option<&serde_json::Value>) -> Result<Job, NoJob> {
        Job::deserialize(message.ok_or(NoJob::Empty)?).map_err(NoJob::Unknown)
    }

    #[must_use]
    pub fn queue(&self) -> Queue {
        match self {
            Job::SendMail(_) => Queue::EmailNotifications,
            Job::Nothing
            | Job::GapsRecorded(_)
            | Job::AlarmsRaised(_)
            | Job::EventsQuarantined(_)
            | Job::AgentDiverged(_)
            | Job::CallWebhook(_) => Queue::BackgroundJobs,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ingest_sends_is_a_job() {
        let message = json!({
            "kind": "gaps_recorded", "plant_id": 1, "agent_id": 2, "count": 3, "reason": null, "epoch": 1,
            "first_seq": 4, "last_seq": 9,
        });
        let Job::GapsRecorded(recorded) = Job::of(Some(&message)).unwrap() else { panic!("another kind") };
        assert_eq!((recorded.agent_id, recorded.first_seq, recorded.last_seq), (2, 4, 9));
    }

    #[test]
    fn what_is_no_job_says_why() {
        let text = |message: serde_json::Value| {
            let error = anyhow::Error::new(Job::of(Some(&message)).unwrap_err());
            format!("{error:#}")
        };
        assert!(text(json!({ "kind": "make_coffee" })).contains("unknown variant `make_coffee`, expected one of"));
        assert!(text(json!({ "kind": "send_mail" })).contains("missing field `plant_id`"));
        assert!(text(json!([1, 2])).contains("no job that this version"));
        assert!(text(json!({})).contains("missing field `kind`"));
        assert!(matches!(Job::of(None), Err(NoJob::Empty)));
    }
}
