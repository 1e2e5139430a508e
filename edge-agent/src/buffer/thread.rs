//! The thread that owns the log.
//!
//! It takes everything that waits, answers questions at once, commits all waiting appends together, and then does one
//! bounded step of a longer piece of work (deleting what is acknowledged, correcting times). An append that the disk
//! refuses stays and is tried again, while questions and acknowledgements go on: an acknowledgement is what makes room.

use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use protocol::batch::Health;
use protocol::chain::ChainHash;
use protocol::id::{Epoch, Instance, Name, Seq};
use protocol::limits::EVENTS_PER_BATCH_MAX;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::fault::Fault;
use super::lock::Lock;
use super::log::{Log, Prepared};
use super::{BufferError, Position, Run};
use crate::capture::Receipt;
use crate::status::Subject;

/// Events committed in one transaction, unless a single append has more.
const EVENTS_PER_COMMIT_MAX: usize = 20_000;
/// How often the thread looks after the log when nobody asks for anything.
const IDLE: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) type Answer<T> = oneshot::Sender<Result<T, BufferError>>;

/// A command, and its place among those that may wait.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) command: Command,
    pub(super) _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) enum Command {
    Append(Prepared, Answer<Option<Seq>>),
    Read { after: Seq, events_max: usize, bytes_max: usize, answer: Answer<Run> },
    States(Answer<HashMap<String, Vec<u8>>>),
    Receipts(Name, Answer<Vec<Receipt>>),
    ForgetReceipts(Name, Answer<()>),
    Position(Answer<Position>),
    Acknowledge(Seq, ChainHash, Answer<()>),
    BeginEpoch(Epoch, Answer<()>),
    Restamp { boot: u32, offset_us: i64, answer: Answer<u64> },
    MasterData(Answer<Option<(u64, Vec<u8>)>>),
    SetMasterData(u64, Vec<u8>, Answer<()>),
    Close(oneshot::Sender<()>),
}

/// Appends that are not yet committed, oldest first.
type Appends = VecDeque<(Prepared, Answer<Option<Seq>>, OwnedSemaphorePermit)>;

/// A correction of times under way.
struct Restamping {
    boot: u32,
    offset_us: i64,
    after: Seq,
    corrected: u64,
    answer: Answer<u64>,
}

pub(super) struct Owner {
    pub(super) log: Log,
    pub(super) instance: Instance,
    pub(super) bytes_max: u64,
    pub(super) status: Subject,
    pub(super) commands: Receiver<Waiting>,
    pub(super) appended: watch::Sender<Seq>,
    work: Work,
    _lock: Lock,
}

#[derive(Default)]
struct Work {
    appends: Appends,
    restamping: VecDeque<Restamping>,
    deleting: bool,
    /// Set while the disk refuses.
    pause: Option<Pause>,
    closing: Option<oneshot::Sender<()>>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Owner {
    pub(super) fn new(
        log: Log,
        lock: Lock,
        instance: Instance,
        bytes_max: u64,
        status: Subject,
        commands: Receiver<Waiting>,
        appended: watch::Sender<Seq>,
    ) -> Owner {
        let work = Work { deleting: true, ..Work::default() };
        Owner { log, instance, bytes_max, status, commands, appended, work, _lock: lock }
    }

    /// Runs until everybody who could ask for something is gone, or somebody closes it.
    pub(super) fn run(mut self) {
        self.status.set(Health::Good, "");
        while self.receive() {
            self.commit();
            self.step();
        }
        let closing = self.work.closing.take();
        drop(self);
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    /// Takes all commands that wait; answers those that are no appends. `false` when there will be no more.
    fn receive(&mut self) -> bool {
        let mut next = match self.commands.recv_timeout(self.work.wait()) {
            Ok(waiting) => Some(waiting),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        while let Some(Waiting { command, _place }) = next {
            match command {
                Command::Append(append, answer) => self.work.appends.push_back((append, answer, _place)),
                command => self.answer(command),
            }
            if self.work.closing.is_some() {
                return false;
            }
            next = self.commands.try_recv().ok();
        }
        true
    }

    fn answer(&mut self, command: Command) {
        match command {
            Command::Append(..) => unreachable!("taken by `receive`"),
            Command::Read { after, events_max, bytes_max, answer } => {
                let run = self.log.read(after, events_max.min(EVENTS_PER_BATCH_MAX), bytes_max);
                self.reply(answer, "reading events", run);
            }
            Command::States(answer) => self.reply(answer, "reading states", self.log.states()),
            Command::Receipts(source, answer) => self.reply(answer, "reading receipts", self.log.receipts(&source)),
            Command::ForgetReceipts(source, answer) => {
                self.reply(answer, "forgetting receipts", self.log.forget_receipts(&source));
            }
            Command::Position(answer) => self.reply(answer, "reading the position", self.position()),
            Command::Acknowledge(through, hash, answer) => {
                let done = self.acknowledge(through, hash);
                let _ = answer.send(done);
            }
            Command::BeginEpoch(epoch, answer) => {
                let done = self.begin_epoch(epoch);
                let _ = answer.send(done);
            }
            Command::Restamp { boot, offset_us, answer } => {
                let after = self.log.mark.acknowledged;
                self.work.restamping.push_back(Restamping { boot, offset_us, after, corrected: 0, answer });
            }
            Command::MasterData(answer) => self.reply(answer, "reading master data", self.log.master_data()),
            Command::SetMasterData(revision, json, answer) => {
                self.reply(answer, "storing master data", self.log.set_master_data(revision, &json));
            }
            Command::Close(closed) => self.work.closing = Some(closed),
        }
    }

    fn reply<T>(&self, answer: Answer<T>, doing: &'static str, result: rusqlite::Result<T>) {
        let _ = answer.send(result.map_err(|source| BufferError::Sqlite { doing, source }));
    }

    fn position(&self) -> rusqlite::Result<Position> {
        let mark = self.log.mark;
        Ok(Position {
            epoch: mark.epoch,
            instance: self.instance,
            acknowledged: mark.acknowledged,
            hash: mark.hash,
            newest: mark.newest,
            backlog_events: mark.newest.0 - mark.acknowledged.0,
            oldest_at: self.log.oldest_at()?,
            bytes: self.log.bytes()?,
            bytes_max: self.bytes_max,
            dropped_events: mark.dropped,
        })
    }

    fn acknowledge(&mut self, through: Seq, hash: ChainHash) -> Result<(), BufferError> {
        let mark = self.log.mark;
        if through == mark.acknowledged && hash == mark.hash {
            return Ok(());
        }
        if through <= mark.acknowledged || through > mark.newest {
            return Err(BufferError::NotAcknowledgeable {
                through,
                acknowledged: mark.acknowledged,
                newest: mark.newest,
            });
        }
        let done = self.log.acknowledge(through, hash);
        done.map_err(|source| BufferError::Sqlite { doing: "storing an acknowledgement", source })?;
        self.work.deleting = true;
        Ok(())
    }

    fn begin_epoch(&mut self, epoch: Epoch) -> Result<(), BufferError> {
        let current = self.log.mark.epoch;
        if epoch == current {
            return Ok(());
        }
        if epoch < current {
            return Err(BufferError::EpochBehind { epoch, current });
        }
        self.log.begin_epoch(epoch).map_err(|source| BufferError::Sqlite { doing: "storing the epoch", source })
    }

    /// Commits what waits, as one transaction, and answers it.
    fn commit(&mut self) {
        if self.work.appends.is_empty() || self.work.pause.is_some_and(|pause| Instant::now() < pause.until) {
            return;
        }
        let count = group_size(&self.work.appends);
        let group: Vec<&Prepared> = self.work.appends.iter().take(count).map(|(append, ..)| append).collect();
        match self.log.append(&group) {
            Ok(answers) => {
                if self.work.pause.take().is_some() {
                    self.status.set(Health::Good, "");
                }
                self.appended.send_replace(self.log.mark.newest);
                for ((_, answer, _), last) in self.work.appends.drain(..count).zip(answers) {
                    let _ = answer.send(Ok(last));
                }
            }
            Err(error) => self.refused(count, error),
        }
    }

    fn refused(&mut self, count: usize, error: rusqlite::Error) {
        let fault = Fault::of(&error);
        if fault == Fault::Request {
            // One of them cannot be stored, ever. Alone, each gets its own answer.
            if count == 1 {
                if let Some((_, answer, _)) = self.work.appends.pop_front() {
                    self.reply(answer, "storing events", Err(error));
                }
            } else {
                self.commit_one_by_one(count);
            }
            return;
        }
        self.status.set(Health::Down, format!("{}: {error}", fault.in_words()));
        self.work.pause_longer();
    }

    fn commit_one_by_one(&mut self, count: usize) {
        for _ in 0..count {
            let Some((append, ..)) = self.work.appends.front() else { return };
            match self.log.append(&[append]) {
                Ok(answers) => {
                    self.appended.send_replace(self.log.mark.newest);
                    if let Some((_, answer, _)) = self.work.appends.pop_front() {
                        let _ = answer.send(Ok(answers.into_iter().next().flatten()));
                    }
                }
                Err(error) => {
                    let request = Fault::of(&error) == Fault::Request;
                    self.refused(1, error);
                    if !request {
                        return;
                    }
                }
            }
        }
    }

    /// One bounded step of the longer pieces of work.
    fn step(&mut self) {
        if let Some(mut restamping) = self.work.restamping.pop_front() {
            match self.log.restamp(restamping.after, restamping.boot, restamping.offset_us) {
                Ok((corrected, Some(after))) => {
                    restamping.corrected += corrected;
                    restamping.after = after;
                    self.work.restamping.push_front(restamping);
                }
                Ok((corrected, None)) => {
                    let _ = restamping.answer.send(Ok(restamping.corrected + corrected));
                }
                Err(error) => self.reply(restamping.answer, "correcting times", Err(error)),
            }
        } else if self.work.deleting {
            self.work.deleting = match self.log.delete_acknowledged() {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot delete acknowledged events yet");
                    false
                }
            };
        }
    }
}

impl Work {
    /// How long to wait for a command.
    fn wait(&self) -> Duration {
        if self.deleting || !self.restamping.is_empty() {
            return Duration::ZERO;
        }
        match self.pause {
            Some(pause) if !self.appends.is_empty() => pause.until.saturating_duration_since(Instant::now()),
            None if !self.appends.is_empty() => Duration::ZERO,
            _ => IDLE,
        }
    }

    fn pause_longer(&mut self) {
        let length = self.pause.map_or(PAUSE_MIN, |pause| (pause.length * 2).min(PAUSE_MAX));
        self.pause = Some(Pause { until: Instant::now() + length, length });
    }
}

fn group_size(appends: &Appends) -> usize {
    let mut events = 0;
    let fitting = appends.iter().take_while(|(append, ..)| {
        events += append.events.len();
        events <= EVENTS_PER_COMMIT_MAX
    });
    fitting.count().max(1)
}
