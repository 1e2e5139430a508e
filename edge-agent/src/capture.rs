//! Where readings become durable events. One task owns the signal engine; sources reach it through a [`CaptureSender`].
//!
//! The order of submissions is the order of events. A submission is answered after the commit that holds its events, the
//! signal state they led to, and its receipt: all three or none. While the disk refuses, nothing is answered and the
//! channel fills, so that sources hold back; nothing is dropped here.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use process::clock::{Clock, Moment};
use protocol::batch::{Health, OriginKind};
use protocol::id::{Name, Seq};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::buffer::{Append, Buffer, BufferError, PendingEvent};
use crate::clock::ClockTrust;
use crate::reading::{Item, Occurrence, Reading};
use crate::signals::configuration::MachineSection;
use crate::signals::{Applied, Engine, Judged, LiveView, Tally};
use crate::status::Subject;

/// Submissions waiting for the engine.
pub const SUBMISSIONS_MAX: usize = 1_024;

/// What a source wants stored, together.
#[derive(Debug)]
pub struct Submission {
    pub items: Vec<Item>,
    /// Proof, for a source that may deliver again, that this was stored.
    pub receipt: Option<Receipt>,
    /// How far a source has got, by key, for one that can go on from there: [`crate::sources::replay`].
    pub position: Option<(String, Vec<u8>)>,
    pub stored: oneshot::Sender<Stored>,
}

/// An answer: it is durable. The log's last sequence of the commit that holds it; none where that held no event.
pub type Stored = Option<Seq>;

/// Committed with the events of a delivery, so that the same delivery, come again because its acknowledgement did not get
/// out, is recognised. One per `(source, key)`: a new one replaces the old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub source: Name,
    /// A place in the source's own ring of receipts, which bounds how many are kept.
    pub key: u32,
    /// Rises with every receipt of the source.
    pub serial: u64,
    /// Hash of what was delivered.
    pub digest: [u8; 16],
}

#[derive(Debug, Clone)]
pub struct CaptureSender(mpsc::Sender<Submission>);

/// The agent is stopping: nothing more is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent is stopping")]
pub struct Stopping;

impl CaptureSender {
    #[must_use]
    pub fn channel() -> (CaptureSender, mpsc::Receiver<Submission>) {
        let (sender, receiver) = mpsc::channel(SUBMISSIONS_MAX);
        (CaptureSender(sender), receiver)
    }

    /// Queues a submission, waiting while the queue is full. The receiver resolves once it is durable; it fails only when
    /// the agent stops before.
    pub async fn queue(
        &self,
        items: Vec<Item>,
        receipt: Option<Receipt>,
    ) -> Result<oneshot::Receiver<Stored>, Stopping> {
        self.send(items, receipt, None).await
    }

    /// Like [`CaptureSender::queue`], with the source's position after these items, which [`Buffer::states`] gives back
    /// under its key: items and position are stored together or not at all.
    pub async fn queue_with_position(
        &self,
        items: Vec<Item>,
        key: String,
        position: Vec<u8>,
    ) -> Result<oneshot::Receiver<Stored>, Stopping> {
        self.send(items, None, Some((key, position))).await
    }

    async fn send(
        &self,
        items: Vec<Item>,
        receipt: Option<Receipt>,
        position: Option<(String, Vec<u8>)>,
    ) -> Result<oneshot::Receiver<Stored>, Stopping> {
        let (stored, receiver) = oneshot::channel();
        self.0.send(Submission { items, receipt, position, stored }).await.map_err(|_| Stopping)?;
        Ok(receiver)
    }

    /// Queues a submission and waits until it is durable.
    pub async fn store(&self, items: Vec<Item>, receipt: Option<Receipt>) -> Result<(), Stopping> {
        self.queue(items, receipt).await?.await.map(drop).map_err(|_| Stopping)
    }
}

/// Submissions and events that are committed together, at most. More make nobody faster, and all wait for the slowest.
const GROUP_SUBMISSIONS_MAX: usize = SUBMISSIONS_MAX;
const GROUP_EVENTS_MAX: usize = 10_000;
/// How often the mere passing of time is looked at: debounced states, missing counts, silence.
const TICK: Duration = Duration::from_millis(250);

/// What capture works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub buffer: Buffer,
    pub clock: Arc<dyn Clock>,
    pub trust: ClockTrust,
    /// Where it counts what it stored and what it could not use.
    pub status: Subject,
    /// Brought up to date after every commit.
    pub live: LiveView,
    /// The machines, and again when the configuration was read anew.
    pub machines: watch::Receiver<Arc<[MachineSection]>>,
}

type Committing = Pin<Box<dyn Future<Output = Result<Option<Seq>, BufferError>> + Send>>;

/// Owns the engine. Applies what is submitted in order; what was applied while a commit ran is the next commit.
#[derive(Debug)]
pub struct Capture {
    surroundings: Surroundings,
    engine: Engine,
    /// State of machines that are not in the engine: what they begin with when a new configuration has them.
    stored: HashMap<String, Vec<u8>>,
    group: Group,
    told: Tally,
}

/// What was applied and is not yet being committed.
#[derive(Debug, Default)]
struct Group {
    append: Append,
    readings: u64,
    events: u64,
    answers: Vec<oneshot::Sender<Stored>>,
}

/// [`Capture::restore`] and [`Capture::run`].
pub async fn run(receiver: mpsc::Receiver<Submission>, surroundings: Surroundings) -> Result<(), BufferError> {
    Capture::restore(surroundings).await?.run(receiver).await
}

async fn committed(committing: &mut Option<(Committing, Group)>) -> Result<Option<Seq>, BufferError> {
    match committing {
        Some((committing, _)) => committing.await,
        None => std::future::pending().await,
    }
}

impl Capture {
    /// Goes on from what the log holds. The live view is up to date when this returns.
    pub async fn restore(surroundings: Surroundings) -> Result<Capture, BufferError> {
        let stored = surroundings.buffer.states().await?;
        let machines = surroundings.machines.borrow().clone();
        let (mut engine, unreadable) = Engine::new(&machines, &stored, surroundings.clock.now());
        for problem in unreadable {
            tracing::error!("{problem}");
        }
        engine.refresh(&surroundings.live);
        surroundings.status.set(Health::Good, "");
        Ok(Capture { surroundings, engine, stored, group: Group::default(), told: Tally::default() })
    }

    /// Captures until every [`CaptureSender`] is gone and all that was queued is stored. An error means that the log is
    /// gone: nothing that was not answered is stored.
    pub async fn run(mut self, mut receiver: mpsc::Receiver<Submission>) -> Result<(), BufferError> {
        let mut machines = self.surroundings.machines.clone();
        let mut committing: Option<(Committing, Group)> = None;
        let mut waiting = Vec::with_capacity(GROUP_SUBMISSIONS_MAX);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open = true;
        while open || committing.is_some() {
            tokio::select! {
                biased;
                done = committed(&mut committing) => {
                    let last = done?;
                    if let Some((_, group)) = committing.take() {
                        self.answer(group, last);
                    }
                }
                _ = tick.tick(), if open && self.group.has_room() => self.tick(),
                Ok(()) = machines.changed(), if open => {
                    let machines = machines.borrow_and_update().clone();
                    self.reconfigure(&machines);
                }
                taken = receiver.recv_many(&mut waiting, GROUP_SUBMISSIONS_MAX), if open && self.group.has_room() => {
                    open = taken > 0;
                    self.apply(&mut waiting);
                }
            }
            if committing.is_none() {
                committing = self.commit();
            }
        }
        Ok(())
    }

    fn apply(&mut self, submissions: &mut Vec<Submission>) {
        for Submission { items, receipt, position, stored } in submissions.drain(..) {
            for item in items {
                self.apply_item(item);
            }
            self.group.append.receipts.extend(receipt);
            if let Some((key, position)) = position {
                self.group.append.states.retain(|(other, _)| *other != key);
                self.group.append.states.push((key, position));
            }
            self.group.answers.push(stored);
        }
    }

    fn apply_item(&mut self, item: Item) {
        let events = &mut self.group.append.events;
        match item {
            Item::Reading(reading) => {
                self.group.readings += 1;
                let judged = judge(&self.surroundings.trust, reading.taken);
                let applied = self.engine.apply(&reading, judged, events);
                if applied != Applied::Known {
                    self.tell_unknown(&reading, applied);
                }
            }
            Item::Occurrence(occurrence) => {
                let Judged { at, clock } = judge(&self.surroundings.trust, occurrence.taken);
                let (at, clock) = match occurrence.source_at {
                    Some(at) => (at, protocol::time::ClockQuality::Source),
                    None => (at, clock),
                };
                let monotonic = occurrence.taken.monotonic;
                let Occurrence { origin, mut kind, .. } = occurrence;
                if origin.kind == OriginKind::Machine {
                    self.engine.entered(&origin.name, at, &mut kind);
                }
                events.push(PendingEvent { origin, at, clock, monotonic, kind });
            }
        }
    }

    fn tell_unknown(&self, reading: &Reading, applied: Applied) {
        let key = (reading.machine.clone(), reading.signal.clone());
        if self.engine.unknown().get(&key) != Some(&1) {
            return;
        }
        let Reading { machine, signal, .. } = reading;
        match applied {
            Applied::UnknownMachine => {
                tracing::warn!(%machine, %signal, "a reading of a machine that is not configured: add a [[machine]]");
            }
            _ => tracing::warn!(%machine, %signal, "a reading of a signal that its [[machine]] does not have"),
        }
    }

    fn tick(&mut self) {
        let now = self.surroundings.clock.now();
        self.engine.tick(now, judge(&self.surroundings.trust, now), &mut self.group.append.events);
    }

    fn reconfigure(&mut self, machines: &[MachineSection]) {
        // What had changed and was not committed yet is committed by the next group.
        self.group.append.states.extend(self.engine.take_changed());
        let unreadable = self.engine.reconfigure(machines, &mut self.stored, self.surroundings.clock.now());
        for problem in unreadable {
            tracing::error!("{problem}");
        }
        self.engine.refresh(&self.surroundings.live);
    }

    /// Begins to commit what was applied, if it is anything.
    fn commit(&mut self) -> Option<(Committing, Group)> {
        let mut group = std::mem::take(&mut self.group);
        let changed = self.engine.take_changed();
        group.append.states.retain(|(key, _)| changed.iter().all(|(other, _)| other != key));
        group.append.states.extend(changed);
        let append = std::mem::take(&mut group.append);
        if append.events.is_empty() && append.states.is_empty() && append.receipts.is_empty() {
            // Nothing to remember: it is as durable as it can be.
            self.answer(group, None);
            return None;
        }
        group.events = append.events.len() as u64;
        let buffer = self.surroundings.buffer.clone();
        Some((Box::pin(async move { buffer.append(append).await }), group))
    }

    fn answer(&mut self, group: Group, last: Stored) {
        if group.events > 0 {
            self.surroundings.status.count("events", group.events);
        }
        if group.readings > 0 {
            self.surroundings.status.count("readings", group.readings);
            self.tell_tally();
        }
        self.engine.refresh(&self.surroundings.live);
        for stored in group.answers {
            // A source that no longer waits has no use for the answer.
            let _ = stored.send(last);
        }
    }

    fn tell_tally(&mut self) {
        let (tally, told) = (self.engine.tally(), self.told);
        let status = &self.surroundings.status;
        for (counter, found, told) in [
            ("unknown_signals", tally.unknown_signals, told.unknown_signals),
            ("unknown_codes", tally.unknown_codes, told.unknown_codes),
            ("unusable_readings", tally.unusable, told.unusable),
            ("held_readings", tally.held, told.held),
            ("outdated_readings", tally.outdated, told.outdated),
        ] {
            if found > told {
                status.count(counter, found - told);
            }
        }
        self.told = tally;
    }
}

impl Group {
    fn has_room(&self) -> bool {
        self.answers.len() < GROUP_SUBMISSIONS_MAX && self.append.events.len() < GROUP_EVENTS_MAX
    }
}

fn judge(trust: &ClockTrust, moment: Moment) -> Judged {
    let (at, clock) = trust.judge(moment);
    Judged { at, clock }
}

#[cfg(test)]
pub(crate) mod tests;
