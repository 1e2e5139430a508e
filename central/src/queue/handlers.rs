//! Who does which job: the one place of `queue` that knows domains.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use process::clock::Clock;

use super::Job;
use super::attempt::{Attempt, Failure, Handle, Outcome};
use crate::alerts::configuration::MailSection;
use crate::alerts::deliveries::mail::{ByMail, Mailer};
use crate::alerts::deliveries::webhook::{self, ByWebhook};
use crate::alerts::{deliveries, incidents};

/// What handlers need beside the database.
#[derive(Debug)]
pub struct Handlers {
    clock: Arc<dyn Clock>,
    mailer: Option<Mailer>,
    webhooks: reqwest::Client,
}

impl Handlers {
    pub fn new(mail: &MailSection, clock: Arc<dyn Clock>) -> anyhow::Result<Handlers> {
        // What is installed already is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Handlers { clock, mailer: Mailer::of(mail)?, webhooks: webhook::client()? })
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.clock.wall().0).unwrap_or_default()
    }
}

impl Handle for Handlers {
    async fn handle(&self, job: Job, attempt: Attempt) -> Result<Outcome, Failure> {
        let now = self.now();
        match job {
            // What was set aside is shown, counted and told by the doctor; nobody is woken for it.
            Job::Nothing | Job::EventsQuarantined(_) => Ok(Outcome::Done),
            Job::GapsRecorded(recorded) => incidents::gaps_recorded(&attempt, &recorded, now).await,
            Job::AlarmsRaised(recorded) => incidents::alarms_raised(&attempt, &recorded, now).await,
            Job::AgentDiverged(_) => incidents::agent_diverged(&attempt, now).await,
            Job::SendMail(notice) => {
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now.timestamp()).unwrap_or(0));
                let way = ByMail { mailer: self.mailer.as_ref(), at };
                deliveries::deliver(&way, &attempt, &notice, || self.now()).await
            }
            Job::CallWebhook(notice) => {
                let way = ByWebhook { client: &self.webhooks, at: now };
                deliveries::deliver(&way, &attempt, &notice, || self.now()).await
            }
        }
    }
}
