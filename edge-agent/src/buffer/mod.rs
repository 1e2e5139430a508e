//! The agent's log: one SQLite file, one thread that opens it, everybody else through a [`Buffer`] handle.
//!
//! - **Who writes**: [`crate::capture`] appends; [`crate::uplink`] acknowledges, corrects times and changes epoch.
//! - **Who deletes**: an acknowledgement deletes what it covers; the policy for a full buffer deletes telemetry, and
//!   records it as a [`Gap`](protocol::event::Gap). Nothing else does.
//! - **Order**: events are numbered in the order of appends, without holes.
//! - **Why a retry is safe**: an append is all or nothing, and is answered only after its commit has returned
//!   (WAL, `synchronous=FULL`). Appends that arrive while a commit runs form the next one.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::batch::Origin;
use protocol::chain::ChainHash;
use protocol::event::{EventKind, RawEvent};
use protocol::id::{Epoch, Instance, Name, Seq};
use protocol::master_data::MasterData;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};

use crate::capture::Receipt;
use crate::reading::OriginName;

pub mod configuration;

/// Handle to the thread that owns the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Buffer {}

/// An event on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingEvent {
    pub origin: OriginName,
    pub at: UtcMicros,
    pub clock: ClockQuality,
    pub monotonic: Monotonic,
    pub kind: EventKind,
}

/// What is committed together.
#[derive(Debug, Clone, Default)]
pub struct Append {
    pub events: Vec<PendingEvent>,
    /// Signal state after these events, by key; replaces what was stored under the key.
    pub states: Vec<(String, Vec<u8>)>,
    pub receipts: Vec<Receipt>,
}

/// Where the log stands.
#[derive(Debug, Clone)]
pub struct Position {
    pub epoch: Epoch,
    pub instance: Instance,
    /// Everything up to here is acknowledged and gone.
    pub acknowledged: Seq,
    /// Chain hash there.
    pub hash: ChainHash,
    pub newest: Seq,
    /// `newest - acknowledged`, less what a policy dropped.
    pub backlog_events: u64,
    pub oldest_at: Option<UtcMicros>,
    pub bytes: u64,
    pub bytes_max: u64,
    pub dropped_events: u64,
}

/// A run of the log, ready to be sent.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Sequence of the first event; events follow without holes.
    pub first: Seq,
    pub events: Vec<RawEvent>,
    /// Names of all origins the log knows.
    pub origins: Arc<[Origin]>,
}

/// Why the buffer could not do it. `Stopped` means that the thread is gone; anything else is said by it in words.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    #[error("the buffer has stopped")]
    Stopped,
    #[error("{doing}: {source}")]
    Sqlite { doing: &'static str, source: rusqlite::Error },
}

// The methods below are the contract between the buffer and its users.
impl Buffer {
    /// Durable when it returns. While the disk refuses, it waits and tries again, and the status says so.
    pub async fn append(&self, _append: Append) -> Result<Option<Seq>, BufferError> {
        unimplemented!()
    }

    /// All signal states, by key.
    pub async fn states(&self) -> Result<HashMap<String, Vec<u8>>, BufferError> {
        unimplemented!()
    }

    /// All receipts of a source.
    pub async fn receipts(&self, _source: Name) -> Result<Vec<Receipt>, BufferError> {
        unimplemented!()
    }

    /// Drops a source's receipts: its broker has forgotten the session.
    pub async fn forget_receipts(&self, _source: Name) -> Result<(), BufferError> {
        unimplemented!()
    }

    pub async fn position(&self) -> Result<Position, BufferError> {
        unimplemented!()
    }

    /// Events after `after`, at most so many and so many bytes of bodies (but at least one, where there is one).
    pub async fn read(&self, _after: Seq, _events_max: usize, _bytes_max: usize) -> Result<Run, BufferError> {
        unimplemented!()
    }

    /// Forgets events up to `through`, whose chain hash is `hash`.
    pub async fn acknowledge(&self, _through: Seq, _hash: ChainHash) -> Result<(), BufferError> {
        unimplemented!()
    }

    /// A person resolved a divergence for this log: go on in `epoch`.
    pub async fn begin_epoch(&self, _epoch: Epoch) -> Result<(), BufferError> {
        unimplemented!()
    }

    /// Corrects the time of events of `boot` that are marked [`ClockQuality::Wrong`], by `offset_us`, and marks them
    /// [`ClockQuality::Restamped`]. Returns how many.
    pub async fn restamp(&self, _boot: u32, _offset_us: i64) -> Result<u64, BufferError> {
        unimplemented!()
    }

    pub async fn master_data(&self) -> Result<(u64, Option<MasterData>), BufferError> {
        unimplemented!()
    }

    pub async fn set_master_data(&self, _revision: u64, _master_data: MasterData) -> Result<(), BufferError> {
        unimplemented!()
    }

    /// Changes whenever something was appended: what [`crate::uplink`] waits for.
    #[must_use]
    pub fn appended(&self) -> tokio::sync::watch::Receiver<Seq> {
        unimplemented!()
    }
}
