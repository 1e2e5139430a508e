//! One batch: a run of the log, and how things stand as it is sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use process::clock::Clock;
use protocol::batch::{AgentStatus, Batch, Condition, LiveMachine, Origin, OriginKind};
use protocol::chain::ChainHash;
use protocol::codec::{self, EncodeError};
use protocol::id::{AgentId, Epoch, Instance, Name, OriginId, Seq};
use protocol::limits::{CONDITIONS_MAX, TEXT_BYTES_MAX};
use protocol::time::{ClockQuality, UtcMicros};
use tokio::time::Instant;

use super::agreement::SentEnd;
use crate::buffer::{Buffer, BufferError, Run};
use crate::clock::ClockTrust;
use crate::signals::LiveView;
use crate::status::StatusBoard;

/// Bodies of the events in one batch: what an agent on a small computer can hold while it sends.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// The status is sent at least this often, changed or not.
const STATUS_EVERY: Duration = Duration::from_secs(60);

/// Where this log stands with central.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) epoch: Epoch,
    pub(super) instance: Instance,
    pub(super) acknowledged: Seq,
    pub(super) hash: ChainHash,
    pub(super) newest: Seq,
}

/// What a batch says beside its events, and from whom.
pub(super) struct Composer {
    pub(super) agent: AgentId,
    pub(super) host: String,
    pub(super) started_at: UtcMicros,
    pub(super) buffer: Buffer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trust: ClockTrust,
    pub(super) live: LiveView,
    pub(super) board: StatusBoard,
    pub(super) master_data_revision: u64,
    origins: Arc<[Origin]>,
    machines: HashMap<Name, OriginId>,
    told: Option<Told>,
    ahead: Option<Run>,
}

/// The status that central has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    revision: u64,
    poison_messages: u64,
    at: Instant,
}

/// A frame ready to be sent.
pub(super) struct Composed {
    pub(super) frame: Vec<u8>,
    pub(super) events: usize,
    pub(super) end: SentEnd,
    /// To be remembered once central has answered.
    pub(super) told: Option<Told>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error(transparent)]
    Buffer(#[from] BufferError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Composer {
    #[expect(clippy::too_many_arguments, reason = "each is one thing that a batch says")]
    pub(super) fn new(
        agent: AgentId,
        host: String,
        started_at: UtcMicros,
        buffer: Buffer,
        clock: Arc<dyn Clock>,
        trust: ClockTrust,
        live: LiveView,
        board: StatusBoard,
        master_data_revision: u64,
    ) -> Composer {
        Composer {
            agent,
            host,
            started_at,
            buffer,
            clock,
            trust,
            live,
            board,
            master_data_revision,
            origins: Arc::default(),
            machines: HashMap::new(),
            told: None,
            ahead: None,
        }
    }

    /// Reads what comes after a batch that is on its way, where at least a whole batch waits. What was read once stays as
    /// it is in the log, but for corrected times: those are looked at when the run is used.
    pub(super) async fn read_ahead(&mut self, after: Seq, newest: Seq, events_max: usize) {
        self.ahead = None;
        if events_max > 0 && newest.0.saturating_sub(after.0) >= events_max as u64 {
            self.ahead = self.buffer.read(after, events_max, BATCH_BYTES_MAX).await.ok();
        }
    }

    /// Nothing goes out for a while: it is read anew then.
    pub(super) fn forget_ahead(&mut self) {
        self.ahead = None;
    }

    fn take_ahead(&mut self, after: Seq, events_max: usize) -> Option<Run> {
        let mut run = self.ahead.take().filter(|run| run.first == after.next() && !run.events.is_empty())?;
        run.events.truncate(events_max);
        let wrong = run.events.iter().any(|it| it.clock == ClockQuality::Wrong);
        (!run.events.is_empty() && !wrong).then_some(run)
    }

    pub(super) async fn compose(&mut self, mark: &Mark, events_max: usize) -> Result<Composed, ComposeError> {
        let run = match self.take_ahead(mark.acknowledged, events_max) {
            Some(run) => run,
            None => self.read(mark.acknowledged, events_max).await?,
        };
        self.learn_origins(&run.origins);
        let (events, last) = (run.events.len(), mark.acknowledged.plus(run.events.len() as u64));
        let end = SentEnd { last, hash: mark.hash.after(&run.events) };
        let live = self.live_machines();
        let status = self.status(mark).await?;
        let told = status.as_ref().map(|_| self.state_of_status());
        let batch = Batch {
            agent: self.agent,
            epoch: mark.epoch,
            instance: mark.instance,
            first_seq: mark.acknowledged.next(),
            previous: mark.hash,
            newest_seq: mark.newest.max(last),
            sent_at: self.clock.wall(),
            master_data_revision: self.master_data_revision,
            origins: mentioned(&self.origins, &run, &live),
            live,
            status,
            events: run.events,
        };
        Ok(Composed { frame: codec::encode(&batch)?, events, end, told })
    }

    /// Central has the status that went with a batch.
    pub(super) fn status_arrived(&mut self, told: Option<Told>) {
        self.told = told.or(self.told);
    }

    /// Events as they are to be sent: those that were captured while the clock was wrong are corrected first, where the
    /// right time is known.
    async fn read(&self, after: Seq, events_max: usize) -> Result<Run, BufferError> {
        let run = self.buffer.read(after, events_max, BATCH_BYTES_MAX).await?;
        let boot = self.clock.now().monotonic.boot;
        let wrong = run.events.iter().any(|it| it.clock == ClockQuality::Wrong && it.monotonic.boot == boot);
        match self.trust.restamp_offset_us(boot) {
            Some(offset_us) if wrong => {
                let corrected = self.buffer.restamp(boot, offset_us).await?;
                tracing::info!(corrected, "events captured with a wrong clock got their right time");
                self.buffer.read(after, events_max, BATCH_BYTES_MAX).await
            }
            _ => Ok(run),
        }
    }

    fn learn_origins(&mut self, origins: &Arc<[Origin]>) {
        if origins.len() == self.origins.len() {
            return;
        }
        let machines = origins.iter().filter(|origin| origin.kind == OriginKind::Machine);
        self.machines = machines.map(|origin| (origin.name.clone(), origin.id)).collect();
        self.origins = Arc::clone(origins);
    }

    /// Machines the log knows; one that never led to an event has nothing to show yet.
    fn live_machines(&self) -> Vec<LiveMachine> {
        let live = self.live.snapshot();
        live.into_iter()
            .filter_map(|live| {
                Some(LiveMachine {
                    origin: *self.machines.get(&live.machine)?,
                    state: live.state,
                    state_since: live.state_since,
                    good: live.good,
                    scrap: live.scrap,
                    rework: live.rework,
                    last_reading_at: live.last_reading_at,
                })
            })
            .collect()
    }

    fn state_of_status(&self) -> Told {
        Told {
            revision: self.board.revision(),
            poison_messages: self.board.total("poison_messages"),
            at: Instant::now(),
        }
    }

    async fn status(&self, mark: &Mark) -> Result<Option<AgentStatus>, BufferError> {
        let now = self.state_of_status();
        let known = self.told.is_some_and(|told| {
            told.revision == now.revision
                && told.poison_messages == now.poison_messages
                && now.at.duration_since(told.at) < STATUS_EVERY
        });
        if known {
            return Ok(None);
        }
        let position = self.buffer.position().await?;
        let conditions = self.board.snapshot().into_iter().take(CONDITIONS_MAX);
        Ok(Some(AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.host.clone(),
            started_at: self.started_at,
            backlog_events: mark.newest.0 - mark.acknowledged.0,
            backlog_oldest_at: position.oldest_at,
            buffer_bytes: position.bytes,
            buffer_bytes_max: position.bytes_max,
            poison_messages: now.poison_messages,
            dropped_events: position.dropped_events,
            conditions: conditions.map(|it| shortened(it.condition)).collect(),
        }))
    }
}

/// Names of the origins that a batch mentions, and of no others.
fn mentioned(origins: &[Origin], run: &Run, live: &[LiveMachine]) -> Vec<Origin> {
    let ids = run.events.iter().map(|event| event.origin).chain(live.iter().map(|live| live.origin));
    let mut mentioned: Vec<OriginId> = Vec::new();
    for id in ids {
        if let Err(at) = mentioned.binary_search(&id) {
            mentioned.insert(at, id);
        }
    }
    origins.iter().filter(|origin| mentioned.binary_search(&origin.id).is_ok()).cloned().collect()
}

fn shortened(mut condition: Condition) -> Condition {
    let mut end = condition.reason.len().min(TEXT_BYTES_MAX);
    while !condition.reason.is_char_boundary(end) {
        end -= 1;
    }
    condition.reason.truncate(end);
    condition
}
