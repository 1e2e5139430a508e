//! Two histories under one agent's name, and how a person decides between them.
//!
//! A restored backup or a cloned disk is noticed by sync, which locks the agent: nothing of either side becomes a fact
//! from then on. Every process that asks while the agent is locked is listed, and its first batches are kept. A person
//! accepts one of them; it is given a new epoch and goes on where its log leaves what is committed. The others stay
//! refused, whatever they send. What was committed before stays committed: accepting adds, it takes nothing away.
//!
//! Central itself may be what was restored: then agents are ahead of it, every one of them is refused, and each goes on
//! from what it was told. What central no longer has is recorded as a gap, in the transaction that accepts.
//!
//! A decision can be made again, also after it was made: for a process that was started anew in between, or for the
//! other side.

use chrono::{DateTime, Utc};
use protocol::id::{Epoch, Instance, Seq};
use protocol::reply::DivergenceReason;

pub mod store;
pub mod words;

/// An agent's latest divergence, and who claims its log.
#[derive(Debug, Clone)]
pub struct Divergence {
    pub id: i64,
    pub agent_id: i32,
    pub agent_name: String,
    pub plant_name: String,
    pub reason: DivergenceReason,
    pub text: String,
    /// First sequence at which the histories differ, where that is known.
    pub fork_seq: Option<i64>,
    pub mark: i64,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub refused_batches: i64,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
    pub instances: Vec<Claimant>,
}

impl Divergence {
    /// Whether it is open, and for no other reason than that central was restored from an older backup.
    #[must_use]
    pub fn is_only_central_restored(&self) -> bool {
        self.resolved_at.is_none() && self.reason == DivergenceReason::ClaimedByAgent
    }

    /// The one process that can be meant: it started last, and no other was seen since it was seen first.
    #[must_use]
    pub fn only_living(&self) -> Option<&Claimant> {
        let newest = self.instances.iter().max_by_key(|it| it.instance.starts)?;
        let gone =
            |it: &Claimant| it.instance.starts < newest.instance.starts && it.last_seen_at <= newest.first_seen_at;
        self.instances.iter().all(|it| it.instance == newest.instance || gone(it)).then_some(newest)
    }
}

/// Where an accepted process goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub epoch: Epoch,
    /// Its next event comes after this one.
    pub after: Seq,
    /// Events that central had acknowledged and has no more, first and last: recorded as a gap.
    pub lost: Option<(Seq, Seq)>,
}

/// One of the processes.
#[derive(Debug, Clone)]
pub struct Claimant {
    pub instance: Instance,
    pub host: Option<String>,
    pub peer_address: Option<String>,
    /// Its events are the facts up to the mark.
    pub listened_to: bool,
    pub newest_seq: i64,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// A person accepted it.
    pub accepted: bool,
}

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The process that goes on.
    pub accepted: Instance,
    /// Also where a person has decided before. Of two who decide at once, the second is told and looks again.
    pub again: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("agent {0} has no divergence to resolve")]
    NoDivergence(i32),
    #[error("this was decided already, by {by} at {at}: look at who goes on by now; only then decide anew (`again`)")]
    Decided { by: String, at: String },
    #[error("no process {starts}/{id:016x} is known to this divergence: see `central agent list`")]
    UnknownInstance { starts: u32, id: u64 },
    #[error("no batch of this process was kept yet: wait until it has asked again")]
    NothingKept,
    #[error("the batch that was kept cannot be read: {0}")]
    Unreadable(#[from] protocol::codec::DecodeError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant(starts: u32, id: u64, seen_s: (i64, i64)) -> Claimant {
        let at = |s| DateTime::from_timestamp(s, 0).unwrap();
        Claimant {
            instance: Instance { starts, id },
            host: None,
            peer_address: None,
            listened_to: false,
            newest_seq: 10,
            first_seen_at: at(seen_s.0),
            last_seen_at: at(seen_s.1),
            accepted: false,
        }
    }

    fn living(instances: Vec<Claimant>) -> Option<u32> {
        let at = DateTime::from_timestamp(0, 0).unwrap();
        let divergence = Divergence {
            id: 1,
            agent_id: 1,
            agent_name: "a".into(),
            plant_name: "main".into(),
            reason: DivergenceReason::ClaimedByAgent,
            text: String::new(),
            fork_seq: None,
            mark: 5,
            first_seen_at: at,
            last_seen_at: at,
            refused_batches: 1,
            resolved_at: None,
            resolved_by: None,
            instances,
        };
        divergence.only_living().map(|it| it.instance.starts)
    }

    #[test]
    fn a_process_that_was_only_started_again_is_the_one_that_lives() {
        assert_eq!(living(vec![claimant(3, 3, (0, 50))]), Some(3));
        assert_eq!(living(vec![claimant(3, 3, (0, 50)), claimant(4, 4, (60, 90))]), Some(4));
    }

    #[test]
    fn processes_that_live_side_by_side_are_left_to_a_person() {
        assert_eq!(living(vec![claimant(3, 3, (0, 70)), claimant(4, 4, (60, 90))]), None);
        assert_eq!(living(vec![claimant(3, 3, (0, 50)), claimant(3, 4, (60, 90))]), None, "copies of one log");
        assert_eq!(living(vec![]), None);
    }
}
