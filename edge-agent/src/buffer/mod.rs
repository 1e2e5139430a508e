//! The agent's log: one SQLite file, one thread that opens it, everybody else through a [`Buffer`] handle.
//!
//! - **Who writes**: [`crate::capture`] appends; [`crate::uplink`] acknowledges, corrects times, changes epoch and
//!   stores what central sends down.
//! - **Who deletes**: an acknowledgement deletes what it covers; the policy for a full buffer deletes telemetry, and
//!   records it as a [`Gap`](protocol::event::Gap). Nothing else does.
//! - **Order**: events are numbered in the order of appends, without holes.
//! - **Why a retry is safe**: an append is all or nothing, and is answered only after its commit has returned
//!   (WAL, `synchronous=FULL`). Appends that arrive while a commit runs form the next one. Only what forgets does not
//!   wait for the disk: acknowledging, and deleting what is acknowledged, can be done again.
//!
//! | what happens | what the log does | status |
//! |---|---|---|
//! | it fills | measurements are thinned, then dropped, with a gap; counts and entries are stored beyond the limit | degraded, down at the limit |
//! | disk full | appends wait and are tried again; reads and acknowledgements go on | down |
//! | disk read-only | the file is opened anew until it can be written | down |
//! | a write or sync fails | the file is opened anew, checkpointed and synced; it decides whether the commit is in it | down until then |
//! | the file is damaged | it is set aside and what it still tells goes on, with a gap: [`rescue`] | down until then |
//!
//! # Layout
//! [`opening`] and [`lock`]: from a directory to a log · [`schema`]: the file's layout and settings · [`log`]: statements ·
//! [`thread`]: the owner · [`upkeep`]: its longer work · [`policy`]: what gives way · [`fault`], [`rescue`]: failing disks ·
//! [`reader`]: a look from outside

use std::collections::HashMap;
use std::sync::{Arc, mpsc};

use protocol::batch::Origin;
use protocol::chain::ChainHash;
use protocol::correction::Corrections;
use protocol::event::{EventKind, RawEvent};
use protocol::id::{AgentId, Epoch, Instance, Name, Seq};
use protocol::master_data::MasterData;
use protocol::time::{ClockQuality, Monotonic, UtcMicros};

use tokio::sync::{Semaphore, oneshot, watch};
use uuid::Uuid;

use crate::capture::Receipt;
use crate::reading::OriginName;

pub mod configuration;
mod fault;
mod lock;
mod log;
mod opening;
mod policy;
pub mod reader;
mod rescue;
mod schema;
mod thread;
mod upkeep;

pub use opening::{OpenError, Opened, Opening, log_file, system_boot_id};

use log::Prepared;
use opening::Ready;
use policy::Policy;
use thread::{Answer, Command, Owner, Waiting, Work};
use upkeep::Upkeep;

/// Handle to the thread that owns the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Buffer {
    commands: mpsc::Sender<Waiting>,
    /// Places for appends, and for everything else: so that appends that wait for a full disk never hold up the
    /// acknowledgement that makes room.
    append_places: Arc<Semaphore>,
    other_places: Arc<Semaphore>,
    appended: watch::Receiver<Seq>,
    master_data_revision: Arc<watch::Sender<u64>>,
    corrections_revision: Arc<watch::Sender<Uuid>>,
}

/// Appends that may wait for the thread; the next one waits for a place.
const APPENDS_WAITING_MAX: usize = 256;
const OTHERS_WAITING_MAX: usize = 64;

/// The key of `states` under which corrections are stored: one value, so that they and their revision are one commit.
const CORRECTIONS_KEY: &str = "corrections";

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
    #[error(
        "central acknowledges event {through}, but the log is acknowledged up to {acknowledged} and ends at {newest}, or has \
         another hash there: not the log that central listened to"
    )]
    NotAcknowledgeable { through: Seq, acknowledged: Seq, newest: Seq },
    #[error("cannot go back to epoch {epoch}: the log is in epoch {current}", epoch = epoch.0, current = current.0)]
    EpochBehind { epoch: Epoch, current: Epoch },
    #[error("the log's file cannot be used at the moment; the status says why")]
    Unavailable,
    #[error("encoding what central sent: {0}")]
    Encoding(serde_json::Error),
}

impl Buffer {
    /// Opens the log of a data directory and starts its thread. Blocks while it does.
    pub fn open(opening: Opening<'_>) -> Result<(Buffer, Opened), OpenError> {
        let Ready { log, lock, opened } = opening::open(&opening)?;
        let (commands, receiver) = mpsc::channel();
        let (appended, newest) = watch::channel(log.mark.newest);
        let owner = Owner {
            file: log_file(opening.data_dir),
            log: Some(log),
            _lock: lock,
            instance: opened.instance,
            boot: opened.boot,
            clock: opening.clock,
            policy: Policy::new(opening.section.clone()),
            status: opening.status,
            commands: receiver,
            appended,
            work: Work::new(Upkeep::at_start()),
        };
        std::thread::Builder::new().name("buffer".to_owned()).spawn(|| owner.run()).map_err(OpenError::Thread)?;
        let buffer = Buffer {
            commands,
            append_places: Arc::new(Semaphore::new(APPENDS_WAITING_MAX)),
            other_places: Arc::new(Semaphore::new(OTHERS_WAITING_MAX)),
            appended: newest,
            master_data_revision: Arc::default(),
            corrections_revision: Arc::default(),
        };
        Ok((buffer, opened))
    }

    /// Durable when it returns; answers the last sequence that was given, none when there was no event to keep. While the
    /// disk refuses, it waits and tries again, and the status says so. A caller that gives up waiting may find that it was
    /// stored all the same.
    pub async fn append(&self, append: Append) -> Result<Option<Seq>, BufferError> {
        let prepared = Prepared::new(append);
        self.ask(&self.append_places, |answer| Command::Append(prepared, answer)).await
    }

    /// All signal states, by key.
    pub async fn states(&self) -> Result<HashMap<String, Vec<u8>>, BufferError> {
        self.ask(&self.other_places, Command::States).await
    }

    /// The receipts of a source that are kept, oldest first: the most recent 8192 or a few more.
    pub async fn receipts(&self, source: Name) -> Result<Vec<Receipt>, BufferError> {
        self.ask(&self.other_places, |answer| Command::Receipts(source, answer)).await
    }

    /// Drops a source's receipts: its broker has forgotten the session.
    pub async fn forget_receipts(&self, source: Name) -> Result<(), BufferError> {
        self.ask(&self.other_places, |answer| Command::ForgetReceipts(source, answer)).await
    }

    pub async fn position(&self) -> Result<Position, BufferError> {
        self.ask(&self.other_places, Command::Position).await
    }

    /// Events after `after` and after what is acknowledged, at most so many and so many bytes of bodies (but at least one,
    /// where there is one).
    pub async fn read(&self, after: Seq, events_max: usize, bytes_max: usize) -> Result<Run, BufferError> {
        self.ask(&self.other_places, |answer| Command::Read { after, events_max, bytes_max, answer }).await
    }

    /// Forgets events up to `through`, whose chain hash is `hash`. The same again is no error; going back, or beyond the
    /// newest event, is.
    pub async fn acknowledge(&self, through: Seq, hash: ChainHash) -> Result<(), BufferError> {
        self.ask(&self.other_places, |answer| Command::Acknowledge(through, hash, answer)).await
    }

    /// A person resolved a divergence for this log: go on in `epoch`.
    pub async fn begin_epoch(&self, epoch: Epoch) -> Result<(), BufferError> {
        self.ask(&self.other_places, |answer| Command::BeginEpoch(epoch, answer)).await
    }

    /// Says whose log this is; to be called before anything of it is sent. When it was another agent's, its numbering
    /// begins anew at epoch 1 and sequence 1, with the events that wait, in their order; that is answered with `true`.
    pub async fn belong_to(&self, agent: AgentId) -> Result<bool, BufferError> {
        self.ask(&self.other_places, |answer| Command::BelongTo(agent, answer)).await
    }

    /// Corrects the time of events of `boot` that are marked [`ClockQuality::Wrong`], by `offset_us`, and marks them
    /// [`ClockQuality::Restamped`]. Returns how many. Cut short by a crash, it leaves the rest marked as they were.
    pub async fn restamp(&self, boot: u32, offset_us: i64) -> Result<u64, BufferError> {
        self.ask(&self.other_places, |answer| Command::Restamp { boot, offset_us, answer }).await
    }

    /// The master data that is stored, and its revision; revision 0 when there is none that can be read.
    pub async fn master_data(&self) -> Result<(u64, Option<MasterData>), BufferError> {
        let stored = self.ask(&self.other_places, Command::MasterData).await?;
        let Some((revision, json)) = stored else { return Ok((0, None)) };
        Ok(match serde_json::from_slice(&json) {
            Ok(master_data) => (revision, Some(master_data)),
            // An older program's form: central sends it again.
            Err(_) => (0, None),
        })
    }

    pub async fn set_master_data(&self, revision: u64, master_data: MasterData) -> Result<(), BufferError> {
        let json = serde_json::to_vec(&master_data).map_err(BufferError::Encoding)?;
        self.ask(&self.other_places, |answer| Command::SetMasterData(revision, json, answer)).await?;
        self.master_data_revision.send_replace(revision);
        Ok(())
    }

    /// Changes whenever other master data was stored.
    #[must_use]
    pub fn master_data_changed(&self) -> watch::Receiver<u64> {
        self.master_data_revision.subscribe()
    }

    /// What was said at central of this agent's stops, as it was last told; nothing where none is stored that can be read.
    pub async fn corrections(&self) -> Result<Corrections, BufferError> {
        let stored = self.ask(&self.other_places, |answer| Command::State(CORRECTIONS_KEY, answer)).await?;
        Ok(stored.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    /// Puts it in the place of what was told before, with its revision: all or nothing, durable when it returns.
    pub async fn set_corrections(&self, corrections: &Corrections) -> Result<(), BufferError> {
        let json = serde_json::to_vec(corrections).map_err(BufferError::Encoding)?;
        self.ask(&self.other_places, |answer| Command::SetState(CORRECTIONS_KEY, json, answer)).await?;
        self.corrections_revision.send_replace(corrections.revision);
        Ok(())
    }

    /// Changes whenever other corrections were stored.
    #[must_use]
    pub fn corrections_changed(&self) -> watch::Receiver<Uuid> {
        self.corrections_revision.subscribe()
    }

    /// Changes whenever something was appended: what [`crate::uplink`] waits for.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<Seq> {
        self.appended.clone()
    }

    /// Ends the thread once it has answered what came before, and waits until the file is closed. Appends that still wait
    /// for the disk are not answered. Without it, the thread ends when the last handle is gone.
    pub async fn close(&self) {
        let (closed, done) = oneshot::channel();
        if self.send(&self.other_places, Command::Close(closed)).await.is_ok() {
            let _ = done.await;
        }
    }

    async fn ask<T>(
        &self,
        places: &Arc<Semaphore>,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, BufferError> {
        let (answer, answered) = oneshot::channel();
        self.send(places, command(answer)).await?;
        answered.await.map_err(|_| BufferError::Stopped)?
    }

    async fn send(&self, places: &Arc<Semaphore>, command: Command) -> Result<(), BufferError> {
        let place = places.clone().acquire_owned().await.map_err(|_| BufferError::Stopped)?;
        self.commands.send(Waiting { command, place }).map_err(|_| BufferError::Stopped)
    }
}

#[cfg(test)]
mod tests;
