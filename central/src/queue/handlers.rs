//! Who does which job: the one place of `queue` that knows domains.

use std::sync::Arc;

use process::clock::Clock;

use super::Job;
use super::attempt::{Attempt, Failure, Handle, Outcome};

/// What handlers need beside the database.
#[derive(Debug)]
pub struct Handlers {
    pub clock: Arc<dyn Clock>,
}

impl Handle for Handlers {
    async fn handle(&self, job: Job, attempt: Attempt) -> Result<Outcome, Failure> {
        let _ = attempt;
        match job {
            Job::Nothing | Job::EventsQuarantined(_) => Ok(Outcome::Done),
            _ => Ok(Outcome::Done),
        }
    }
}
