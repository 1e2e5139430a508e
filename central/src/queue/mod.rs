//! Work that follows from events: PGMQ queues, and the worker that empties them.
//!
//! # Who writes, who deletes
//! [`send`] puts a [`Job`] on its queue in the transaction that caused it. Only the worker takes messages off, and only
//! [`dead_letters`] touches what was given up. A finished message goes to its queue's archive, which is kept for
//! [`ARCHIVE_KEPT`].
//!
//! # A job's life
//! [`worker`] takes messages in batches and holds a **lease** on each: for [`configuration::WorkerSection::lease_s`]
//! nobody else sees it, and the lease is extended while the job waits or runs. A handler ends a job in the transaction
//! of its effect ([`attempt::Attempt::finish`]), or says that there is nothing to undo and lets the worker archive it
//! with others. It says [`attempt::Failure::Retry`] or [`attempt::Failure::Fail`]; [`policy`] decides what follows.
//! What is given up is moved to `dlq` with the history of its errors, in one statement.
//!
//! # Why running a job twice is safe
//! PGMQ delivers at least once, and does not fence: a worker that slept past its lease could end a message that another
//! one works on. Every statement here therefore names the count of reads under which the message was taken, and touches
//! nothing when somebody else has read it since: the transaction of a lost lease is rolled back. Effects in the database
//! happen exactly once; effects elsewhere are claimed first, by those who have them (`alerts::deliveries`).
//!
//! # Order
//! None is promised. Jobs are written so that the last one to run finds the truth in the tables.

pub mod attempt;
pub mod configuration;
pub mod dead_letters;
pub mod handlers;
pub mod job;

pub mod metrics;
pub mod policy;
pub mod routes;
pub mod start;
pub mod store;
pub mod upkeep;
pub mod wake;
pub mod worker;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub use self::job::Job;
use self::policy::RetryPolicy;

/// For so long what was done can be looked up.
pub const ARCHIVE_KEPT: Duration = Duration::from_secs(14 * 24 * 3_600);

/// A queue that workers empty. The fourth, `dlq`, is emptied by people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    BackgroundJobs,
    EmailNotifications,
    ReportGeneration,
}

impl Queue {
    pub const ALL: [Queue; 3] = [Queue::BackgroundJobs, Queue::EmailNotifications, Queue::ReportGeneration];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Queue::BackgroundJobs => "background_jobs",
            Queue::EmailNotifications => "email_notifications",
            Queue::ReportGeneration => "report_generation",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Queue> {
        Queue::ALL.into_iter().find(|queue| queue.as_str() == name)
    }

    /// How often a job is tried, and with which pauses: a mail server may be away for a night, a report is tried a few times.
    #[must_use]
    pub fn retry_policy(self) -> RetryPolicy {
        let (first_s, longest_s, attempts_max) = match self {
            Queue::BackgroundJobs => (2, 1_800, 30),
            Queue::EmailNotifications => (5, 1_800, 40),
            Queue::ReportGeneration => (30, 600, 5),
        };
        RetryPolicy { first: Duration::from_secs(first_s), longest: Duration::from_secs(longest_s), attempts_max }
    }

    /// An attempt that takes longer has failed.
    #[must_use]
    pub fn attempt_within(self) -> Duration {
        match self {
            Queue::BackgroundJobs | Queue::EmailNotifications => Duration::from_secs(120),
            Queue::ReportGeneration => Duration::from_secs(1_800),
        }
    }
}

/// Puts a job on its queue, and wakes workers, when the caller's transaction commits.
///
/// Not for what happens many times a second: a notifying commit takes a lock that the whole cluster shares. Ingest sends
/// without it and lets `sync::maintenance` notify, throttled.
pub async fn send(connection: &mut PgConnection, job: &Job) -> sqlx::Result<()> {
    send_all(connection, std::slice::from_ref(job)).await
}

/// [`send`] for several jobs at once.
pub async fn send_all(connection: &mut PgConnection, jobs: &[Job]) -> sqlx::Result<()> {
    for queue in Queue::ALL {
        let messages: Vec<serde_json::Value> = jobs
            .iter()
            .filter(|job| job.queue() == queue)
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        store::send(&mut *connection, queue, &messages).await?;
    }
    if jobs.is_empty() { Ok(()) } else { store::notify(connection).await }
}
