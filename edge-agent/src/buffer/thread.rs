//! The thread that owns the log.
//!
//! It takes everything that waits, answers questions at once, commits all waiting appends together, and then does one
//! bounded step of a longer piece of work (deleting what is acknowledged, correcting times). An append that the disk
//! refuses stays and is tried again, while questions and acknowledgements go on: an acknowledgement is what makes room.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use process::clock::{Clock, Moment};
use protocol::batch::Health;
use protocol::chain::ChainHash;
use protocol::id::{AgentId, Epoch, Instance, Name, Seq};
use protocol::limits::EVENTS_PER_BATCH_MAX;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::fault::Fault;
use super::lock::Lock;
use super::log::{Log, Mark, Prepared};
use super::opening;
use super::policy::{Fill, Loss, Policy};
use super::upkeep::Upkeep;
use super::{BufferError, Position, Run};
use crate::capture::Receipt;
use crate::status::Subject;

/// Events committed in one transaction, unless a single append has more.
const EVENTS_PER_COMMIT_MAX: usize = 20_000;
/// How often the thread looks after the log when nobody asks for anything.
pub(super) const IDLE: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) type Answer<T> = oneshot::Sender<Result<T, BufferError>>;

/// A command, and its place among those that may wait.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) command: Command,
    pub(super) place: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) enum Command {
    Append(Prepared, Answer<Option<Seq>>),
    Read {
        after: Seq,
        events_max: usize,
        bytes_max: usize,
        answer: Answer<Run>,
    },
    States(Answer<HashMap<String, Vec<u8>>>),
    Receipts(Name, Answer<Vec<Receipt>>),
    ForgetReceipts(Name, Answer<()>),
    Position(Answer<Position>),
    Acknowledge(Seq, ChainHash, Answer<()>),
    BeginEpoch(Epoch, Answer<()>),
    BelongTo(AgentId, Answer<bool>),
    Restamp {
        boot: u32,
        offset_us: i64,
        answer: Answer<u64>,
    },
    MasterData(Answer<Option<(u64, Vec<u8>)>>),
    SetMasterData(u64, Vec<u8>, Answer<()>),
    State(&'static str, Answer<Option<Vec<u8>>>),
    SetState(&'static str, Vec<u8>, Answer<()>),
    Close(oneshot::Sender<()>),
    /// Something a test does to the log behind everybody's back.
    #[cfg(test)]
    Meddle(Meddling),
}

#[cfg(test)]
pub(super) struct Meddling(pub(super) Box<dyn FnOnce(&mut Log) + Send>);

#[cfg(test)]
impl std::fmt::Debug for Meddling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddling")
    }
}

impl Command {
    /// Answers that it cannot be done.
    fn refuse(self, error: BufferError) {
        match self {
            Command::Append(_, answer) => drop(answer.send(Err(error))),
            Command::Read { answer, .. } => drop(answer.send(Err(error))),
            Command::States(answer) => drop(answer.send(Err(error))),
            Command::Receipts(_, answer) => drop(answer.send(Err(error))),
            Command::Position(answer) => drop(answer.send(Err(error))),
            Command::ForgetReceipts(_, answer)
            | Command::Acknowledge(_, _, answer)
            | Command::BeginEpoch(_, answer)
            | Command::SetMasterData(_, _, answer)
            | Command::SetState(_, _, answer) => drop(answer.send(Err(error))),
            Command::Restamp { answer, .. } => drop(answer.send(Err(error))),
            Command::BelongTo(_, answer) => drop(answer.send(Err(error))),
            Command::MasterData(answer) => drop(answer.send(Err(error))),
            Command::State(_, answer) => drop(answer.send(Err(error))),
            Command::Close(closed) => drop(closed.send(())),
            #[cfg(test)]
            Command::Meddle(_) => {}
        }
    }
}

/// Appends that are not yet committed, oldest first.
type Appends = VecDeque<(Prepared, Answer<Option<Seq>>, OwnedSemaphorePermit)>;

/// What the thread is given.
pub(super) struct Owner {
    pub(super) file: PathBuf,
    /// None between a fault and the opening that follows it.
    pub(super) log: Option<Log>,
    pub(super) _lock: Lock,
    pub(super) instance: Instance,
    pub(super) boot: u32,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: Policy,
    pub(super) status: Subject,
    pub(super) commands: Receiver<Waiting>,
    pub(super) appended: watch::Sender<Seq>,
    pub(super) work: Work,
}

pub(super) struct Work {
    appends: Appends,
    /// What the policy took out of `appends`.
    lost: Loss,
    pub(super) upkeep: Upkeep,
    /// Set while the disk refuses.
    pause: Option<Pause>,
    /// Where the log stood before a fault after which the file must be opened anew.
    broken: Option<(Fault, Mark)>,
    closing: Option<oneshot::Sender<()>>,
    /// What the status says, while the log works.
    reported: Option<Fill>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Owner {
    /// Runs until everybody who could ask for something is gone, or somebody closes it.
    pub(super) fn run(mut self) {
        self.look_at_size();
        while self.receive() {
            self.mend();
            self.commit();
            self.upkeep();
            self.report();
        }
        let closing = self.work.closing.take();
        drop(self);
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    /// An append that waits, and where its answer comes.
    #[cfg(test)]
    pub(super) async fn waits(&mut self, append: super::Append) -> oneshot::Receiver<Result<Option<Seq>, BufferError>> {
        let (answer, answered) = oneshot::channel();
        let place = Arc::new(tokio::sync::Semaphore::new(1)).acquire_owned().await.unwrap();
        self.work.appends.push_back((Prepared::new(append), answer, place));
        answered
    }

    pub(super) fn now(&self) -> Moment {
        let mut now = self.clock.now();
        now.monotonic.boot = self.boot;
        now
    }

    /// Takes all commands that wait; answers those that are no appends. `false` when there will be no more.
    fn receive(&mut self) -> bool {
        let mut next = match self.commands.recv_timeout(self.work.wait()) {
            Ok(waiting) => Some(waiting),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        while let Some(Waiting { command, place }) = next {
            match command {
                Command::Append(mut append, answer) => {
                    let lost = self.policy.admit(&mut append.events);
                    self.policy.note(lost, self.clock.now().monotonic.us);
                    self.work.lost = self.work.lost.and(lost);
                    self.work.appends.push_back((append, answer, place));
                }
                Command::Close(closed) => {
                    self.mend();
                    self.commit();
                    self.work.closing = Some(closed);
                    return false;
                }
                command => self.answer(command),
            }
            next = self.commands.try_recv().ok();
        }
        true
    }

    fn answer(&mut self, command: Command) {
        let Some(mut log) = self.log.take() else {
            return command.refuse(BufferError::Unavailable);
        };
        let done = match command {
            Command::Append(..) | Command::Close(_) => unreachable!("taken by `receive`"),
            Command::Read { after, events_max, bytes_max, answer } => {
                let run = log.read(after, events_max.min(EVENTS_PER_BATCH_MAX), bytes_max);
                if let Ok(run) = &run {
                    let through = Seq(run.first.0 + run.events.len() as u64 - 1);
                    self.work.upkeep.read_through = self.work.upkeep.read_through.max(through);
                }
                reply(answer, "reading events", run)
            }
            Command::States(answer) => reply(answer, "reading states", log.states()),
            Command::Receipts(source, answer) => reply(answer, "reading receipts", log.receipts(&source)),
            Command::ForgetReceipts(source, answer) => {
                reply(answer, "forgetting receipts", log.forget_receipts(&source))
            }
            Command::Position(answer) => reply(answer, "reading the position", self.position(&log)),
            Command::Acknowledge(through, hash, answer) => {
                let acknowledged = acknowledge(&mut log, through, hash);
                self.work.upkeep.deleting = true;
                send(answer, acknowledged)
            }
            Command::BeginEpoch(epoch, answer) => send(answer, begin_epoch(&mut log, epoch)),
            Command::BelongTo(agent, answer) => {
                let another = log.belong_to(agent.0.as_bytes());
                self.appended.send_replace(log.mark.newest);
                reply(answer, "storing whose log it is", another)
            }
            Command::Restamp { boot, offset_us, answer } => {
                self.work.upkeep.restamp(log.mark.acknowledged, boot, offset_us, answer);
                None
            }
            #[cfg(test)]
            Command::Meddle(meddling) => {
                meddling.0(&mut log);
                None
            }
            Command::State(key, answer) => reply(answer, "reading a state", log.state(key)),
            Command::SetState(key, state, answer) => reply(answer, "storing a state", log.set_state(key, &state)),
            Command::MasterData(answer) => reply(answer, "reading master data", log.master_data()),
            Command::SetMasterData(revision, json, answer) => {
                reply(answer, "storing master data", log.set_master_data(revision, &json))
            }
        };
        self.log = Some(log);
        if let Some(fault) = done {
            self.broke(fault);
        }
    }

    fn position(&self, log: &Log) -> rusqlite::Result<Position> {
        let mark = log.mark;
        Ok(Position {
            epoch: mark.epoch,
            instance: self.instance,
            acknowledged: mark.acknowledged,
            hash: mark.hash,
            newest: mark.newest,
            backlog_events: (mark.newest.0 - mark.acknowledged.0).saturating_sub(mark.places),
            oldest_at: log.oldest_at()?,
            bytes: log.bytes()?,
            bytes_max: self.policy.section.bytes_max,
            dropped_events: mark.dropped + self.work.lost.count,
        })
    }

    /// Commits what waits, as one transaction, and answers it.
    pub(super) fn commit(&mut self) {
        let Some(log) = &mut self.log else { return };
        let now_us = self.clock.now().monotonic.us;
        let tell = (log.mark.loss.count + self.work.lost.count > 0) && self.policy.tells(now_us);
        if (self.work.appends.is_empty() && !tell) || self.work.paused() {
            return;
        }
        let count = group_size(&self.work.appends);
        let group: Vec<&Prepared> = self.work.appends.iter().take(count).map(|(append, ..)| append).collect();
        let mut now = self.clock.now();
        now.monotonic.boot = self.boot;
        match log.append(&group, self.work.lost, tell.then_some(now)) {
            Ok(answers) => {
                if tell {
                    self.policy.told();
                }
                self.committed(answers);
            }
            Err(error) => self.refused(count, error),
        }
    }

    fn committed(&mut self, answers: Vec<Option<Seq>>) {
        let Some(log) = &self.log else { return };
        self.appended.send_replace(log.mark.newest);
        self.work.pause = None;
        self.work.lost = Loss::default();
        let mut bytes = 0;
        let count = answers.len();
        for ((append, answer, _), last) in self.work.appends.drain(..count).zip(answers) {
            bytes += append.events.iter().map(|event| event.body.len() as u64 + 32).sum::<u64>();
            let _ = answer.send(Ok(last));
        }
        self.work.upkeep.unmeasured_bytes += bytes;
        if self.work.upkeep.unmeasured_bytes > (self.policy.section.bytes_max / 1_000).min(1024 * 1024) {
            self.look_at_size();
        }
    }

    fn refused(&mut self, count: usize, error: rusqlite::Error) {
        let fault = Fault::of(&error);
        if fault != Fault::Request {
            self.status.set(Health::Down, format!("{}: {error}", fault.in_words()));
            self.work.pause_longer();
            if fault == Fault::Full {
                // Old measurements make room for what is dearer.
                self.policy.fill = self.policy.fill.max(Fill::Refusing);
                if let Some(log) = &self.log {
                    log.reuse_write_ahead_log();
                }
            }
            self.broke(fault);
        } else if count > 1 {
            self.commit_one_by_one(count);
        } else if let Some((_, answer, _)) = self.work.appends.pop_front() {
            reply::<Option<Seq>>(answer, "storing events", Err(error));
        }
    }

    /// One of a group cannot be stored, ever. Alone, each gets its own answer.
    fn commit_one_by_one(&mut self, count: usize) {
        for _ in 0..count {
            let (Some(log), Some((append, ..))) = (&mut self.log, self.work.appends.front()) else { return };
            match log.append(&[append], self.work.lost, None) {
                Ok(answers) => self.committed(answers),
                Err(error) => {
                    self.refused(1, error);
                    if self.work.pause.is_some() {
                        return;
                    }
                }
            }
        }
    }

    /// Notes a fault after which the file must be opened anew.
    pub(super) fn broke(&mut self, fault: Fault) {
        if fault.needs_opening()
            && self.work.broken.is_none()
            && let Some(log) = &self.log
        {
            self.work.broken = Some((fault, log.mark));
        }
    }

    /// Opens the file anew after a fault, and finds out what became of the transaction that met it.
    pub(super) fn mend(&mut self) {
        let Some((fault, known)) = self.work.broken else { return };
        if self.work.paused() {
            return;
        }
        let uncertain = self.log.take().and_then(|log| log.uncertain).or(self.work.upkeep.uncertain.take());
        match opening::reopen(&self.file, known, fault, self.now()) {
            Ok((log, newest)) if newest == known.newest => self.mended(log),
            Ok((log, newest)) => match uncertain {
                Some(uncertain) if uncertain.newest == newest => {
                    self.mended(log);
                    self.committed(uncertain.answers);
                }
                _ => {
                    tracing::error!(%newest, expected = %known.newest, "the log is not as this process left it");
                    self.work.broken = Some((Fault::Damaged, known));
                }
            },
            Err(error) if error.is_damage() && fault != Fault::Damaged => {
                self.work.upkeep.uncertain = uncertain;
                self.work.broken = Some((Fault::Damaged, known));
            }
            Err(error) => {
                self.work.upkeep.uncertain = uncertain;
                self.status.set(Health::Down, format!("{}: {error}", fault.in_words()));
                self.work.pause_longer();
            }
        }
    }

    fn mended(&mut self, log: Log) {
        self.appended.send_replace(log.mark.newest);
        self.log = Some(log);
        self.work.broken = None;
        // What waits is tried at once; if that fails too, the pauses go on growing.
        self.work.pause = match self.work.pause {
            Some(pause) if !self.work.appends.is_empty() => Some(Pause { until: Instant::now(), ..pause }),
            _ => None,
        };
        self.look_at_size();
    }

    /// How the log is doing, once it works.
    fn report(&mut self) {
        if self.work.pause.is_some() || self.log.is_none() {
            self.work.reported = None;
            return;
        }
        if self.work.reported.replace(self.policy.fill) == Some(self.policy.fill) {
            return;
        }
        let (health, reason) = match self.policy.fill {
            Fill::Roomy => (Health::Good, ""),
            Fill::Thinning => (Health::Degraded, "filling: measurements are thinned until central takes the backlog"),
            Fill::Refusing => {
                (Health::Degraded, "nearly full: measurements are dropped until central takes the backlog")
            }
            Fill::Over => (
                Health::Down,
                "full: measurements are dropped; counts and entries are still stored, as long as the disk holds them",
            ),
        };
        self.status.set(health, reason);
    }
}

fn acknowledge(log: &mut Log, through: Seq, hash: ChainHash) -> Result<(), BufferError> {
    let mark = log.mark;
    if through == mark.acknowledged && hash == mark.hash {
        return Ok(());
    }
    if through <= mark.acknowledged || through > mark.newest {
        return Err(BufferError::NotAcknowledgeable { through, acknowledged: mark.acknowledged, newest: mark.newest });
    }
    log.acknowledge(through, hash).map_err(|source| BufferError::Sqlite { doing: "storing an acknowledgement", source })
}

fn begin_epoch(log: &mut Log, epoch: Epoch) -> Result<(), BufferError> {
    let current = log.mark.epoch;
    if epoch < current {
        return Err(BufferError::EpochBehind { epoch, current });
    }
    log.begin_epoch(epoch).map_err(|source| BufferError::Sqlite { doing: "storing the epoch", source })
}

/// Answers; tells the fault, if it is one.
pub(super) fn reply<T>(answer: Answer<T>, doing: &'static str, result: rusqlite::Result<T>) -> Option<Fault> {
    send(answer, result.map_err(|source| BufferError::Sqlite { doing, source }))
}

fn send<T>(answer: Answer<T>, result: Result<T, BufferError>) -> Option<Fault> {
    let fault = match &result {
        Err(BufferError::Sqlite { source, .. }) => Some(Fault::of(source)),
        _ => None,
    };
    let _ = answer.send(result);
    fault
}

impl Work {
    pub(super) fn new(upkeep: Upkeep) -> Work {
        Work {
            appends: Appends::new(),
            lost: Loss::default(),
            upkeep,
            pause: None,
            broken: None,
            closing: None,
            reported: None,
        }
    }

    /// How long to wait for a command.
    fn wait(&self) -> Duration {
        let retry = match self.pause {
            Some(pause) if !self.appends.is_empty() || self.broken.is_some() => {
                pause.until.saturating_duration_since(Instant::now())
            }
            None if !self.appends.is_empty() || self.broken.is_some() => Duration::ZERO,
            _ => IDLE,
        };
        if self.broken.is_some() { retry } else { retry.min(self.upkeep.wait()) }
    }

    fn paused(&self) -> bool {
        self.pause.is_some_and(|pause| Instant::now() < pause.until)
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
    fitting.count().max(1).min(appends.len())
}
