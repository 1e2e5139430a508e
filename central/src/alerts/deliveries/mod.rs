//! Notices on their way to people and programs.
//!
//! A delivery is made with what it tells of, claimed by the worker that sends it, and settled after. The claim names the
//! lease of its worker's message: who holds a later lease of the same message may take it over, because the earlier
//! holder is dead or has let go ([`crate::queue::worker`] ends what it cannot extend). Who has another message, such as a
//! replayed one, waits until the claim has expired.
//!
//! The end of an incident is told after its beginning: its delivery is made when it is over, and gets its job when the
//! beginning is settled, in the transaction that settles it.

pub mod letter;
pub mod mail;
pub mod routes;
pub mod store;
pub mod webhook;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::time::Instant;

use self::letter::Letter;
use super::channels::ChannelKind;
use crate::queue::attempt::{Attempt, Failure, Outcome};
use crate::queue::job::{Job, Notice};
use crate::queue::{self};

/// A claim that nobody settled is void after this: longer than any attempt may take.
const CLAIM_EXPIRES: TimeDelta = TimeDelta::seconds(180);
/// How soon a delivery is looked at again that somebody else is sending.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How soon it is tried again to note that a notice went out.
const NOTE_AGAIN: Duration = Duration::from_millis(500);

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Opened,
    Resolved,
    /// Somebody wanted to see whether the channel works.
    Test,
}

impl NoticeKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Opened => "opened",
            NoticeKind::Resolved => "resolved",
            NoticeKind::Test => "test",
        }
    }

    #[must_use]
    pub fn named(word: &str) -> Option<NoticeKind> {
        [NoticeKind::Opened, NoticeKind::Resolved, NoticeKind::Test].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The job that sends a delivery.
#[must_use]
pub fn job(kind: ChannelKind, plant_id: i32, delivery: uuid::Uuid) -> Job {
    let notice = Notice { plant_id, delivery };
    match kind {
        ChannelKind::Email => Job::SendMail(notice),
        ChannelKind::Webhook => Job::CallWebhook(notice),
    }
}

/// Makes the deliveries of these incidents and the jobs that send them, in the caller's transaction.
pub async fn announce(
    connection: &mut PgConnection,
    kind: NoticeKind,
    incidents: &[i64],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    if incidents.is_empty() {
        return Ok(());
    }
    tracing::info!(?incidents, notice = kind.as_str(), "incidents");
    let made = store::make(&mut *connection, kind, incidents, now).await?;
    let due = made.iter().filter(|made| made.due);
    let jobs: Vec<Job> = due.map(|made| job(made.kind, made.plant_id, made.id)).collect();
    queue::store::notify_pages(&mut *connection).await?;
    queue::send_all(connection, &jobs).await
}

/// What the other side said.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: Option<i32>,
    pub text: Option<String>,
}

/// Why a notice was not taken.
#[derive(Debug)]
pub struct Refused {
    pub answer: Answer,
    pub failure: Failure,
}

/// A way in which notices leave the house.
pub trait Way {
    fn send(&self, letter: &Letter) -> impl Future<Output = Result<Answer, Refused>> + Send;
}

/// Claims a delivery, sends it, settles it.
pub async fn deliver(
    way: &impl Way,
    attempt: &Attempt,
    notice: &Notice,
    now: impl Fn() -> DateTime<Utc>,
) -> Result<Outcome, Failure> {
    let began_at = now();
    match store::claim(&attempt.pool, notice.delivery, attempt.lease, began_at, began_at - CLAIM_EXPIRES).await? {
        store::Claim::Ours => {}
        store::Claim::NothingToSend => return Ok(Outcome::Done),
        store::Claim::SomebodyElses => {
            let error = anyhow::anyhow!("another worker has claimed this delivery and may still be sending it");
            return Err(Failure::Retry { error, after: Some(LOOK_AGAIN) });
        }
    }
    let began = Instant::now();
    let sent = match store::letter(&attempt.pool, notice.delivery).await? {
        Some(letter) if letter.channel_works => way.send(&letter).await,
        _ => Err(Refused {
            answer: Answer::default(),
            failure: Failure::Fail(anyhow::anyhow!("the channel was removed or switched off")),
        }),
    };
    let tried = store::Tried { at: began_at, lasted: began.elapsed(), settled_at: now() };
    match sent {
        Ok(answer) => loop {
            match went_out(attempt, notice, &tried, &answer).await {
                // Only here is it known that it went out: without a note of it, it would go out again.
                Err(error) if crate::database::may_pass(&error) => {
                    tracing::warn!(%error, delivery = %notice.delivery, "a notice went out; it is noted when the database is back");
                    tokio::time::sleep(NOTE_AGAIN).await;
                }
                finished => break finished?,
            }
        },
        Err(Refused { answer, failure }) => {
            let mut transaction = attempt.pool.begin().await?;
            let last = matches!(failure, Failure::Fail(_)) || attempt.is_last();
            let state = if last { "failed" } else { "waiting" };
            let error = failure.chain().join(": ");
            store::settle(&mut transaction, notice.delivery, state, &tried, &answer, Some(&error)).await?;
            if last {
                announce_end(&mut transaction, notice).await?;
            }
            transaction.commit().await?;
            Err(failure)
        }
    }
}

/// Notes that a notice went out, whoever holds the message by now, and ends the job.
async fn went_out(
    attempt: &Attempt,
    notice: &Notice,
    tried: &store::Tried,
    answer: &Answer,
) -> sqlx::Result<Result<Outcome, Failure>> {
    let mut transaction = attempt.pool.begin().await?;
    store::settle(&mut transaction, notice.delivery, "sent", tried, answer, None).await?;
    announce_end(&mut transaction, notice).await?;
    let finished = attempt.finish(&mut transaction).await;
    transaction.commit().await?;
    Ok(finished)
}

/// Sends the notice of an incident's end on its way, if it waited for this one of its beginning.
async fn announce_end(connection: &mut PgConnection, beginning: &Notice) -> sqlx::Result<()> {
    let Some((delivery, plant_id, kind)) = store::end_that_waits(&mut *connection, beginning.delivery).await? else {
        return Ok(());
    };
    queue::send(connection, &job(kind, plant_id, delivery)).await
}
