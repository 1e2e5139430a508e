//! What was given up, until a person decides: replay it, with all its attempts before it again, or discard it. Either is
//! one transaction, so that two people who decide at once decide once.

pub mod store;

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgPool;

use super::Queue;
use super::store::AttemptError;
use crate::auth::audit::{self, Actor, Entry};

/// Bytes of one error's text that are kept.
const ERROR_BYTES_MAX: usize = 2_000;

/// An error's text as it is kept: bounded, and without what PostgreSQL cannot hold.
#[must_use]
pub fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(ERROR_BYTES_MAX);
    let tail = if end < text.len() { "…" } else { "" };
    format!("{}{tail}", &text[..end]).replace('\0', "\u{fffd}")
}

/// A dead letter in a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DeadLetter {
    pub id: i64,
    /// The queue it was given up on.
    pub queue: Option<String>,
    pub kind: Option<String>,
    pub plant: Option<String>,
    pub attempts: Option<i32>,
    /// When the job was first sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it was given up.
    pub died_at: DateTime<Utc>,
    /// The last error, with what it came from.
    pub error: Option<String>,
}

/// A dead letter with everything that is known of it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DeadLetterDetail {
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The job, as it was sent.
    #[schema(value_type = Object)]
    pub message: Value,
    /// Failed attempts, oldest first; the newest twenty.
    pub errors: Vec<AttemptError>,
}

/// Decided by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Replay,
    Discard,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Replay => "dead_letter.replay",
            Verdict::Discard => "dead_letter.discard",
        }
    }
}

/// Does what was decided. False when there is no such dead letter (any more).
pub async fn decide(
    pool: &PgPool,
    plants: Option<&[i32]>,
    id: i64,
    verdict: Verdict,
    (at, by): (DateTime<Utc>, &Actor<'_>),
) -> anyhow::Result<bool> {
    let mut transaction = pool.begin().await?;
    let Some(letter) = store::take(&mut transaction, plants, id).await? else { return Ok(false) };
    if verdict == Verdict::Replay {
        let Some(queue) = letter.queue.as_deref().and_then(Queue::named) else {
            bail!("dead letter {id} says of no known queue that it came from there: it can only be discarded");
        };
        super::store::send(&mut transaction, queue, std::slice::from_ref(&letter.message)).await?;
        super::store::notify(&mut transaction).await?;
    }
    super::store::notify_pages(&mut transaction).await?;
    let entry = Entry {
        action: verdict.as_str(),
        subject_kind: "dead_letter",
        subject_id: id.to_string(),
        plant_id: letter.plant_id,
        detail: serde_json::json!({ "queue": letter.queue, "message": letter.message }),
    };
    audit::record(&mut transaction, at, by, &entry).await?;
    transaction.commit().await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut_between_characters() {
        assert_eq!(shortened("short\0"), "short\u{fffd}");
        let long = shortened(&"ü".repeat(5_000));
        assert!(long.len() <= ERROR_BYTES_MAX + 3 && long.ends_with('…'));
    }
}
