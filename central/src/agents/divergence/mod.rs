//! Two histories under one agent's name, and how a person decides between them.
//!
//! A restored backup or a cloned disk is noticed by sync, which locks the agent: nothing of either side becomes a fact
//! from then on. Every process that asks while the agent is locked is listed, and its first batches are kept. A person
//! accepts one of them; it is given a new epoch and goes on where its log leaves what is committed. The others stay
//! refused, whatever they send. What was committed before stays committed: accepting adds, it takes nothing away.
//!
//! A decision can be made again, also after it was made: for a process that was started anew in between, or for the
//! other side.

use chrono::{DateTime, Utc};
use protocol::id::Instance;
use protocol::reply::DivergenceReason;

pub mod store;

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

#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error("agent {0} has no divergence to resolve")]
    NoDivergence(i32),
    #[error("no process {starts}/{id:016x} is known to this divergence: see `central agent list`")]
    UnknownInstance { starts: u32, id: u64 },
    #[error("no batch of this process was kept yet: wait until it has asked again")]
    NothingKept,
    #[error("the batch that was kept cannot be read: {0}")]
    Unreadable(#[from] protocol::codec::DecodeError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
