//! One try of one job, as its handler sees it.

use std::future::Future;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use super::{Job, Queue, store};

/// By which a message is held: nobody has read it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub id: i64,
    /// How often it has been read, this time included.
    pub reads: i32,
}

/// One try.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub queue: Queue,
    pub lease: Lease,
    pub pool: PgPool,
}

/// How a try ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was written, or what was may be written again: the worker archives the message, with others.
    Done,
    /// The message was archived in the transaction of its effect.
    Finished,
}

/// How a try ended otherwise.
#[derive(Debug)]
pub enum Failure {
    /// It may go better later; not sooner than `after`.
    Retry { error: anyhow::Error, after: Option<Duration> },
    /// It will never go better.
    Fail(anyhow::Error),
    /// Somebody else has the job by now. Nothing was done.
    LostLease,
}

impl Failure {
    #[must_use]
    pub fn retry(error: impl Into<anyhow::Error>) -> Failure {
        Failure::Retry { error: error.into(), after: None }
    }

    #[must_use]
    pub fn fail(error: impl Into<anyhow::Error>) -> Failure {
        Failure::Fail(error.into())
    }

    /// The error and what it came from, outermost first.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        match self {
            Failure::Retry { error, .. } | Failure::Fail(error) => {
                error.chain().map(|cause| super::dead_letters::shortened(&cause.to_string())).collect()
            }
            Failure::LostLease => vec!["the lease was lost".to_owned()],
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Failure {
        Failure::retry(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::retry(error)
    }
}

impl Attempt {
    /// Whether no other follows, if this one fails.
    #[must_use]
    pub fn is_last(&self) -> bool {
        u32::try_from(self.lease.reads).is_ok_and(|reads| reads >= self.queue.retry_policy().attempts_max)
    }

    /// Ends the job in the caller's transaction: commit it, and answer [`Outcome::Finished`]. When the lease was lost
    /// nothing may be committed; dropping the transaction sees to that.
    pub async fn finish(&self, connection: &mut PgConnection) -> Result<Outcome, Failure> {
        match store::archive(connection, self.queue, &[self.lease]).await? {
            1 => Ok(Outcome::Finished),
            _ => Err(Failure::LostLease),
        }
    }
}

/// Who works on jobs.
pub trait Handle: Send + Sync + 'static {
    fn handle(&self, job: Job, attempt: Attempt) -> impl Future<Output = Result<Outcome, Failure>> + Send;
}
