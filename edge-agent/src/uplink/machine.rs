//! What to do next about central: a state machine without I/O, clock or randomness.
//!
//! Time is what has passed since the process started. The shell asks [`Machine::next`], does it, and tells what came of
//! it; there is never more than one batch on its way.
//!
//! - Batches always begin after the acknowledged end of the log. So a batch whose answer was lost is simply sent again, as
//!   it was or cut differently; central knows what it has.
//! - The first exchange of a process is a heartbeat: it tells the time, by which events may have to be corrected, and
//!   central's mark, before anything is sent that central may have already.
//! - Batches grow while central is quick, and shrink when it is slow, does not answer or finds them too large.
//! - Pauses grow with every setback in a row and are drawn at random over their whole length, so that the agents of a
//!   plant do not come back all at once.

use std::time::Duration;

use protocol::chain::ChainHash;
use protocol::id::{Epoch, Seq};
use protocol::reply::{DivergenceReason, Verdict};

use super::agreement::Agreement;
use super::configuration::UplinkSection;
use super::outcome::Setback;
use crate::status::report::UplinkState;

/// Since the process started.
pub type Time = Duration;

/// Waits for the rest of what happened at the same moment.
const LINGER: Duration = Duration::from_millis(3);
/// A steady trickle of events does not make more batches than this.
const SPACING: Duration = Duration::from_millis(30);
const FIRST_BATCH_EVENTS: usize = 500;
/// A full batch answered within this may grow.
const QUICK: Duration = Duration::from_millis(500);
/// A batch that takes longer than this should have been smaller.
const SLOW: Duration = Duration::from_secs(5);
const BACKOFF: Duration = Duration::from_millis(250);
/// No jitter is so lucky that it makes a loop spin.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Where only a person can help: asked again about this often.
const PATIENT: Duration = Duration::from_secs(30);
/// A busy central may ask for a longer pause between batches; this is the longest that is believed.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(60);

/// What the shell is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send up to so many events; none makes a heartbeat.
    Send { events_max: usize },
    /// Nothing before then, unless something is appended.
    WaitUntil(Time),
}

/// What the shell is to do with the log after a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orders {
    pub begin_epoch: Option<Epoch>,
    pub acknowledge: Option<(Seq, ChainHash)>,
}

/// A verdict, and what it was held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub verdict: Verdict,
    pub epoch: Epoch,
    pub mark: Seq,
    pub hash: ChainHash,
    pub agreement: Agreement,
    pub pause: Duration,
    /// Events that were sent, and how long the exchange took.
    pub events: usize,
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    /// Central has not answered this process yet.
    Greeting,
    Sending,
    /// Heartbeats only, until central and this log agree again.
    Diverged(String),
    /// Heartbeats only, until central accepts this agent.
    Refused,
}

#[derive(Debug, Clone)]
pub struct Machine {
    section: UplinkSection,
    mode: Mode,
    epoch: Epoch,
    acknowledged: Seq,
    newest: Seq,
    batch_events: usize,
    /// The last batch was full: there is no reason to linger.
    draining: bool,
    setbacks: u32,
    not_before: Time,
    heartbeat_at: Time,
    /// When the oldest event was appended that no batch has been made for since.
    appended_at: Time,
    answered_at: Time,
}

impl Machine {
    #[must_use]
    pub fn new(section: UplinkSection, epoch: Epoch, acknowledged: Seq, newest: Seq) -> Machine {
        let batch_events = FIRST_BATCH_EVENTS.min(section.batch_events_max);
        Machine {
            section,
            mode: Mode::Greeting,
            epoch,
            acknowledged,
            newest,
            batch_events,
            draining: false,
            setbacks: 0,
            not_before: Time::ZERO,
            heartbeat_at: Time::ZERO,
            appended_at: Time::ZERO,
            answered_at: Time::ZERO,
        }
    }

    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    #[must_use]
    pub fn batch_events(&self) -> usize {
        self.batch_events
    }

    /// How many events the batch after one of `events` may have at most, if all goes well; none where that one is the
    /// last of its kind for the time being.
    #[must_use]
    pub fn batch_events_next(&self, events: usize) -> usize {
        if events < self.batch_events { 0 } else { (self.batch_events * 2).min(self.section.batch_events_max) }
    }

    #[must_use]
    pub fn state(&self) -> UplinkState {
        match self.mode {
            Mode::Diverged(_) => UplinkState::Diverged,
            Mode::Refused => UplinkState::Refused,
            _ if self.setbacks > 0 => UplinkState::Offline,
            Mode::Greeting => UplinkState::Starting,
            Mode::Sending => UplinkState::Connected,
        }
    }

    /// Why nothing is sent although central answers.
    #[must_use]
    pub fn divergence(&self) -> Option<&str> {
        match &self.mode {
            Mode::Diverged(text) => Some(text),
            _ => None,
        }
    }

    /// Whether trying to send the rest before the process ends makes sense.
    #[must_use]
    pub fn worth_flushing(&self) -> bool {
        self.state() == UplinkState::Connected && self.newest > self.acknowledged
    }

    /// The log grew.
    pub fn appended(&mut self, now: Time, newest: Seq) {
        if newest <= self.newest {
            return;
        }
        if self.newest == self.acknowledged {
            self.appended_at = now;
        }
        self.newest = newest;
    }

    #[must_use]
    pub fn next(&self, now: Time) -> Step {
        if now < self.not_before {
            return Step::WaitUntil(self.not_before);
        }
        if self.mode != Mode::Sending {
            return Step::Send { events_max: 0 };
        }
        let due = self.due();
        if now < due.min(self.heartbeat_at) {
            return Step::WaitUntil(due.min(self.heartbeat_at));
        }
        // A heartbeat that is due takes along what there is.
        let events_max = if self.newest > self.acknowledged { self.batch_events } else { 0 };
        Step::Send { events_max }
    }

    /// When the events that wait should go.
    fn due(&self) -> Time {
        let waiting = self.newest.0 - self.acknowledged.0;
        if waiting == 0 {
            Time::MAX
        } else if self.draining || waiting >= self.batch_events as u64 {
            Time::ZERO
        } else {
            (self.appended_at + LINGER).max(self.answered_at + SPACING)
        }
    }

    /// There is no verdict. `jitter` is drawn from 0 to 1.
    pub fn setback(&mut self, now: Time, setback: &Setback, events: usize, jitter: f64) {
        self.draining = false;
        self.setbacks = self.setbacks.saturating_add(1);
        let backoff = self.backoff(jitter);
        let pause = match setback {
            Setback::Busy { retry_after: Some(asked), .. } => *asked + asked.max(&BACKOFF).mul_f64(jitter / 2.0),
            Setback::TooLarge if events > 1 => {
                self.shrink(events);
                Duration::ZERO
            }
            Setback::TimedOut(_) => {
                self.shrink(events);
                backoff
            }
            Setback::Refused(_) => {
                self.mode = Mode::Refused;
                patient(jitter)
            }
            Setback::Version(_) => patient(jitter),
            Setback::Busy { retry_after: None, .. }
            | Setback::TooLarge
            | Setback::NotUnderstood(_)
            | Setback::Unreachable(_)
            | Setback::Unexpected(_) => backoff,
        };
        self.not_before = now + pause.max(PAUSE_MIN);
    }

    /// Central's verdict. `jitter` is drawn from 0 to 1.
    pub fn heard(&mut self, now: Time, heard: &Heard, jitter: f64) -> Orders {
        self.answered_at = now;
        self.heartbeat_at = now + Duration::from_millis(self.section.heartbeat_ms);
        self.not_before = now + heard.pause.min(ASKED_PAUSE_MAX);
        if let Some(text) = self.disagreement(heard) {
            self.mode = Mode::Diverged(text);
            self.draining = false;
            self.setbacks = 0;
            self.not_before = now + patient(jitter);
            return Orders::default();
        }
        let progress = heard.mark > self.acknowledged;
        if heard.events > 0 && !progress && heard.verdict != Verdict::NewEpoch {
            // It begins where central says that it should, and nothing of it was taken: more of the same at once will
            // not help.
            self.setback(now, &Setback::Unexpected(String::new()), heard.events, jitter);
            return Orders::default();
        }
        self.mode = Mode::Sending;
        self.setbacks = 0;
        self.adapt(heard);
        let begin_epoch = (heard.verdict == Verdict::NewEpoch).then_some(heard.epoch);
        self.epoch = begin_epoch.unwrap_or(self.epoch);
        let acknowledge = progress.then_some((heard.mark, heard.hash));
        self.acknowledged = heard.mark;
        self.appended_at = now;
        Orders { begin_epoch, acknowledge }
    }

    /// The log stands elsewhere than its acknowledgements were thought to have brought it.
    pub fn stands_at(&mut self, acknowledged: Seq) {
        self.acknowledged = acknowledged;
    }

    /// The log did not take the acknowledgement: it is not the one that central listened to.
    pub fn not_acknowledgeable(&mut self, now: Time, acknowledged: Seq, text: String) {
        self.acknowledged = acknowledged;
        self.mode = Mode::Diverged(text);
        self.not_before = now + PATIENT;
    }

    fn disagreement(&self, heard: &Heard) -> Option<String> {
        let Heard { mark, epoch, .. } = heard;
        let (acknowledged, newest) = (self.acknowledged, self.newest);
        if let Verdict::Diverged { reason, text } = &heard.verdict {
            return Some(match reason {
                DivergenceReason::ClaimedByAgent => text.clone(),
                _ => format!("central knows another history of this agent: {text}"),
            });
        }
        let epoch_fits = if heard.verdict == Verdict::NewEpoch { *epoch >= self.epoch } else { *epoch == self.epoch };
        if !epoch_fits {
            return Some(format!("central is in epoch {} of this agent, its log in {}", epoch.0, self.epoch.0));
        }
        match heard.agreement {
            Agreement::Same => None,
            Agreement::Different | Agreement::Unread => {
                Some(format!("central has other content up to event {mark} than this agent's log"))
            }
            Agreement::Behind => Some(format!(
                "central ends at event {mark} of this agent but acknowledged {acknowledged} earlier: it was restored \
                 from an older backup"
            )),
            Agreement::Beyond => Some(format!(
                "central has event {mark} of this agent, whose log ends at {newest}: the log was restored from an older \
                 copy"
            )),
        }
    }

    fn adapt(&mut self, heard: &Heard) {
        self.draining = heard.events > 0 && heard.events >= self.batch_events;
        if heard.took > SLOW {
            self.shrink(heard.events);
        } else if self.draining && heard.took < QUICK {
            self.batch_events = (self.batch_events * 2).min(self.section.batch_events_max);
        }
    }

    /// Half of what was sent, where that is less.
    fn shrink(&mut self, events: usize) {
        if events > 0 {
            self.batch_events = self.batch_events.min(events / 2).max(1);
        }
    }

    fn backoff(&self, jitter: f64) -> Duration {
        let doubled = BACKOFF * 2_u32.pow(self.setbacks.saturating_sub(1).min(12));
        doubled.min(Duration::from_millis(self.section.retry_max_ms)).mul_f64(jitter)
    }
}

fn patient(jitter: f64) -> Duration {
    PATIENT.mul_f64(0.75 + jitter / 2.0)
}

#[cfg(test)]
mod tests;
