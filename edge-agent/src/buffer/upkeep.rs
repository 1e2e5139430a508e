//! The longer pieces of work, in bounded steps between commits: deleting what is acknowledged, correcting times, dropping old
//! measurements, giving space back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use protocol::event::{EventKind, RawEvent};
use protocol::id::Seq;
use protocol::limits::EVENTS_PER_BATCH_MAX;
use protocol::time::UtcMicros;

use super::fault::Fault;
use super::log::{Log, Uncertain};
use super::policy::{Fill, Thinning};
use super::thread::{Answer, IDLE, Owner, reply};

/// After a step that failed.
const REST: Duration = Duration::from_secs(1);
/// A backlog that was swept is not swept again so soon, unless the log fills further.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);

#[derive(Default)]
pub(super) struct Upkeep {
    pub(super) deleting: bool,
    shrinking: bool,
    restamping: VecDeque<Restamping>,
    sweep: Option<Sweep>,
    last_sweep: Option<(Fill, Instant)>,
    /// Everything up to here may have been sent: it stays as it is.
    pub(super) read_through: Seq,
    /// Written since the log's size was last looked at.
    pub(super) unmeasured_bytes: u64,
    rest_until: Option<Instant>,
    /// The transaction whose end is unknown, while the file cannot be opened.
    pub(super) uncertain: Option<Uncertain>,
}

/// A correction of times under way.
struct Restamping {
    boot: u32,
    offset_us: i64,
    after: Seq,
    corrected: u64,
    answer: Answer<u64>,
}

/// One way through the backlog, oldest first.
struct Sweep {
    after: Seq,
    limit: Seq,
    thinning: Thinning,
    /// Measurements before this are too old.
    too_old: UtcMicros,
}

impl Upkeep {
    /// As a log is opened: what was acknowledged before may still have to be deleted.
    pub(super) fn at_start() -> Upkeep {
        Upkeep { deleting: true, ..Upkeep::default() }
    }

    pub(super) fn restamp(&mut self, after: Seq, boot: u32, offset_us: i64, answer: Answer<u64>) {
        self.restamping.push_back(Restamping { boot, offset_us, after, corrected: 0, answer });
    }

    /// How long until there is something to do.
    pub(super) fn wait(&self) -> Duration {
        if let Some(rest) = self.rest_until {
            return rest.saturating_duration_since(Instant::now()).min(IDLE);
        }
        let busy = self.deleting || self.shrinking || self.sweep.is_some() || !self.restamping.is_empty();
        if busy { Duration::ZERO } else { IDLE }
    }
}

impl Owner {
    /// One bounded step.
    pub(super) fn upkeep(&mut self) {
        if self.work.upkeep.rest_until.is_some_and(|rest| Instant::now() < rest) {
            return;
        }
        self.work.upkeep.rest_until = None;
        let Some(mut log) = self.log.take() else { return };
        let done = self.step(&mut log);
        self.log = Some(log);
        if let Err(error) = done {
            tracing::warn!(error = &error as &dyn std::error::Error, "upkeep of the log failed, it is tried again");
            self.work.upkeep.rest_until = Some(Instant::now() + REST);
            self.broke(Fault::of(&error));
        }
    }

    fn step(&mut self, log: &mut Log) -> rusqlite::Result<()> {
        self.begin_sweep(log)?;
        let upkeep = &mut self.work.upkeep;
        if let Some(restamping) = upkeep.restamping.pop_front() {
            self.step_restamping(log, restamping);
        } else if upkeep.deleting {
            upkeep.deleting = log.delete_acknowledged()?;
            if !upkeep.deleting {
                upkeep.shrinking = true;
                self.measure(log)?;
            }
        } else if upkeep.sweep.is_some() {
            self.step_sweep(log)?;
        } else if upkeep.shrinking {
            upkeep.shrinking = log.shrink()?;
        }
        Ok(())
    }

    fn step_restamping(&mut self, log: &mut Log, mut restamping: Restamping) {
        match log.restamp(restamping.after, restamping.boot, restamping.offset_us) {
            Ok((corrected, Some(after))) => {
                restamping.corrected += corrected;
                restamping.after = after;
                self.work.upkeep.restamping.push_front(restamping);
            }
            Ok((corrected, None)) => {
                let _ = restamping.answer.send(Ok(restamping.corrected + corrected));
            }
            Err(error) => {
                if let Some(fault) = reply(restamping.answer, "correcting times", Err(error)) {
                    self.broke(fault);
                }
            }
        }
    }

    /// Starts on the backlog when the log fills, or when what waits is too old.
    fn begin_sweep(&mut self, log: &Log) -> rusqlite::Result<()> {
        let upkeep = &mut self.work.upkeep;
        let fill = self.policy.fill;
        let again = upkeep.last_sweep.is_none_or(|(last, at)| fill > last || at.elapsed() >= SWEEP_EVERY);
        if upkeep.sweep.is_some() || !again {
            return Ok(());
        }
        let days = i64::from(self.policy.section.telemetry_days_max);
        let too_old = self.clock.wall().plus_us(-days * 86_400_000_000);
        if fill > Fill::Roomy || log.oldest_at()?.is_some_and(|oldest| oldest < too_old) {
            // What may have been offered to central keeps its content, or the chain of hashes would part.
            let offered = log.mark.acknowledged.plus(EVENTS_PER_BATCH_MAX as u64);
            let after = offered.max(upkeep.read_through);
            let thinning = Thinning::default();
            upkeep.sweep = Some(Sweep { after, limit: log.mark.newest, thinning, too_old });
        }
        upkeep.last_sweep = Some((fill, Instant::now()));
        Ok(())
    }

    fn step_sweep(&mut self, log: &mut Log) -> rusqlite::Result<()> {
        let Some(sweep) = &mut self.work.upkeep.sweep else { return Ok(()) };
        let (fill, every_ms, too_old) = (self.policy.fill, self.policy.section.thin_to_ms, sweep.too_old);
        let thinning = &mut sweep.thinning;
        // A batch may have been read since the sweep began.
        let after = sweep.after.max(self.work.upkeep.read_through);
        let (lost, next) = log.drop_measurements(after, sweep.limit, |event| {
            event.at < too_old
                || fill >= Fill::Refusing
                || (fill == Fill::Thinning && thinned_out(thinning, event, every_ms))
        })?;
        match next {
            Some(after) => sweep.after = after,
            None => self.work.upkeep.sweep = None,
        }
        if lost.count > 0 {
            self.policy.note(lost, self.clock.now().monotonic.us);
            self.work.upkeep.shrinking = true;
            self.measure(log)?;
        }
        Ok(())
    }

    /// Looks how full the log is.
    pub(super) fn look_at_size(&mut self) {
        let Some(log) = self.log.take() else { return };
        if let Err(error) = self.measure(&log) {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell the size of the log");
        }
        self.log = Some(log);
    }

    fn measure(&mut self, log: &Log) -> rusqlite::Result<()> {
        self.work.upkeep.unmeasured_bytes = 0;
        self.policy.fill = Fill::of(log.bytes()?, &self.policy.section);
        Ok(())
    }
}

fn thinned_out(thinning: &mut Thinning, event: &RawEvent, every_ms: u64) -> bool {
    match event.decode_kind() {
        Ok(EventKind::Measurement(measurement)) => {
            let (origin, monotonic) = (u64::from(event.origin.0), event.monotonic);
            !thinning.keeps(origin, &measurement.signal, monotonic.boot, monotonic.us, every_ms)
        }
        _ => false,
    }
}
