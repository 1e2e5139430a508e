//! Does what the [`Machine`] says: reads, sends, waits, and tells it what came of it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use process::clock::Clock;
use protocol::batch::Health;
use protocol::chain::ChainHash;
use protocol::correction::CORRECTIONS_PATH;
use protocol::id::Seq;
use protocol::reply::Reply;
use protocol::time::UtcMicros;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::agreement::{Agreement, SentEnd, Standing, compare};
use super::compose::{ComposeError, Composed, Composer, Mark};
use super::configuration::UplinkSection;
use super::corrections::{self, CorrectionsSync};
use super::link::{Address, Deadlines, Expected, Link, LinkError};
use super::machine::{Heard, Machine, Orders, Step};
use super::outcome::{Outcome, Setback, classify};
use crate::buffer::{Buffer, BufferError};
use crate::clock::ClockTrust;
use crate::identity::Identity;
use crate::signals::LiveView;
use crate::status::report::{CentralReport, UplinkState};
use crate::status::{StatusBoard, Subject};

/// How long a process that stops goes on sending what it has.
const FLUSH: Duration = Duration::from_secs(2);
/// A heartbeat is answered at once or not at all.
const HEARTBEAT_ANSWER: Duration = Duration::from_secs(10);
/// Events read at once to find the hash at central's mark.
const VERIFY_EVENTS: usize = 5_000;
const VERIFY_BYTES: usize = 512 * 1024;
/// A difference to central's clock that is worth a person's look.
const CLOCK_OFF_US: u64 = 2_000_000;

/// What the uplink lives on.
#[derive(Debug, Clone)]
pub struct Uplink {
    pub section: UplinkSection,
    pub identity: Arc<Identity>,
    pub host: String,
    pub started_at: UtcMicros,
    pub buffer: Buffer,
    pub clock: Arc<dyn Clock>,
    pub trust: ClockTrust,
    pub live: LiveView,
    pub board: StatusBoard,
    /// Seeds the jitter of pauses.
    pub seed: u64,
}

/// How the uplink is doing, for the status page.
pub type View = watch::Receiver<CentralReport>;

impl Uplink {
    /// Where central is: the configuration's word before the identity's.
    fn address(&self) -> anyhow::Result<Address> {
        Ok(Address::parse(self.section.address.as_deref().unwrap_or(&self.identity.address))?)
    }

    /// The view of an uplink that has not begun, and what to run to begin. It ends when `stopping` is cancelled, after
    /// sending what it can in two seconds.
    pub fn start(
        self,
        stopping: CancellationToken,
    ) -> anyhow::Result<(View, impl Future<Output = anyhow::Result<()>> + Send)> {
        let address = self.address()?;
        let (view, viewed) = watch::channel(CentralReport::starting(&address.to_string()));
        let deadlines = Deadlines {
            connect: Duration::from_millis(self.section.connect_timeout_ms),
            response: Duration::from_millis(self.section.response_timeout_ms),
        };
        let link = Link::new(address, &self.identity.key()?, Expected::Key(self.identity.central_key), deadlines)?;
        Ok((viewed, async move { Shell::new(self, link, view).await?.run(stopping).await }))
    }
}

struct Shell {
    machine: Machine,
    mark: Mark,
    composer: Composer,
    corrections: CorrectionsSync,
    buffer: Buffer,
    link: Link,
    clock: Arc<dyn Clock>,
    trust: ClockTrust,
    central: Subject,
    clock_status: Subject,
    view: watch::Sender<CentralReport>,
    jitter: StdRng,
    began: Instant,
}

/// A batch, and central's verdict on it.
struct Answered {
    composed: Composed,
    reply: Box<Reply>,
    took: Duration,
    /// Revision of what was said at central of this agent's stops.
    announced: Option<Uuid>,
}

/// What went wrong on this side of the wire.
enum Failure {
    Setback(Setback),
    /// The log is closed: the process ends.
    Stopped,
}

impl From<BufferError> for Failure {
    fn from(error: BufferError) -> Failure {
        match error {
            BufferError::Stopped => Failure::Stopped,
            error => Failure::Setback(Setback::Unexpected(format!("the agent's log: {error}"))),
        }
    }
}

impl From<ComposeError> for Failure {
    fn from(error: ComposeError) -> Failure {
        match error {
            ComposeError::Buffer(error) => error.into(),
            ComposeError::Encode(_) => Failure::Setback(Setback::TooLarge),
        }
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Failure {
        Failure::Setback(Setback::from(&error))
    }
}

impl Shell {
    async fn new(uplink: Uplink, link: Link, view: watch::Sender<CentralReport>) -> anyhow::Result<Shell> {
        if uplink.buffer.belong_to(uplink.identity.agent).await? {
            tracing::warn!(agent = %uplink.identity.name, "the log was another agent's: it begins anew as this one's");
        }
        let position = uplink.buffer.position().await?;
        let (master_data_revision, _) = uplink.buffer.master_data().await?;
        let corrections = uplink.buffer.corrections().await?;
        let mark = Mark {
            epoch: position.epoch,
            instance: position.instance,
            acknowledged: position.acknowledged,
            hash: position.hash,
            newest: position.newest,
        };
        let central = uplink.board.subject("central", "uplink");
        let clock_status = uplink.board.subject("clock", "clock");
        Ok(Shell {
            machine: Machine::new(uplink.section, mark.epoch, mark.acknowledged, mark.newest),
            mark,
            composer: Composer::new(
                uplink.identity.agent,
                uplink.host,
                uplink.started_at,
                uplink.buffer.clone(),
                Arc::clone(&uplink.clock),
                uplink.trust.clone(),
                uplink.live,
                uplink.board,
                master_data_revision,
            ),
            corrections: CorrectionsSync::new(corrections.revision),
            buffer: uplink.buffer,
            link,
            clock: uplink.clock,
            trust: uplink.trust,
            central,
            clock_status,
            view,
            jitter: StdRng::seed_from_u64(uplink.seed),
            began: Instant::now(),
        })
    }

    async fn run(mut self, stopping: CancellationToken) -> anyhow::Result<()> {
        let mut appended = self.buffer.appended();
        let grace = async {
            stopping.cancelled().await;
            tokio::time::sleep(FLUSH).await;
        };
        let mut grace = std::pin::pin!(grace);
        loop {
            self.look_at_log(&mut appended);
            let flushing = stopping.is_cancelled();
            if flushing && !self.machine.worth_flushing() {
                return Ok(());
            }
            match self.machine.next(self.began.elapsed()) {
                Step::Send { events_max } => tokio::select! {
                    alive = self.exchange(events_max) => if !alive { return Ok(()) },
                    () = &mut grace => return Ok(()),
                },
                Step::WaitUntil(until) => {
                    self.composer.forget_ahead();
                    let until = self.began + until;
                    if !wait(until, flushing, &mut appended, &stopping, grace.as_mut()).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn look_at_log(&mut self, appended: &mut watch::Receiver<Seq>) {
        let newest = *appended.borrow_and_update();
        self.mark.newest = self.mark.newest.max(newest);
        self.machine.appended(self.began.elapsed(), newest);
    }

    /// One exchange, whatever comes of it. `false` when the log is closed.
    async fn exchange(&mut self, events_max: usize) -> bool {
        let mut events = events_max;
        let outcome = match self.send(events_max, &mut events).await {
            Ok(answered) => {
                self.take_reply(&answered.composed, *answered.reply, answered.took).await.map(|()| answered.announced)
            }
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(announced) => self.learn_corrections(announced).await,
            Err(Failure::Stopped) => return false,
            Err(Failure::Setback(setback)) => self.take_setback(&setback, events),
        }
        self.tell();
        true
    }

    async fn send(&mut self, events_max: usize, events: &mut usize) -> Result<Answered, Failure> {
        self.link.connect().await?;
        let mut composed = self.composer.compose(&self.mark, events_max).await?;
        *events = composed.events;
        let frame = std::mem::take(&mut composed.frame);
        let within = if composed.events == 0 { HEARTBEAT_ANSWER } else { self.link.response_deadline() };
        let (sent, began) = (self.clock.now(), Instant::now());
        let post = self.link.post_within(within, "/agent/v1/sync", "application/octet-stream", frame.into());
        let answered = async {
            let answer = post.await;
            (answer, self.clock.now(), began.elapsed())
        };
        let newest = self.mark.newest;
        let ahead =
            self.composer.read_ahead(composed.end.last, newest, self.machine.batch_events_next(composed.events));
        let ((answer, received, took), ()) = tokio::join!(answered, ahead);
        let answer = answer?;
        match classify(answer.status, &answer.headers, &answer.body) {
            Outcome::Reply(reply) => {
                self.trust.observe(sent, received, reply.server_time);
                self.say_clock();
                Ok(Answered { composed, reply, took, announced: corrections::announced(&answer.headers) })
            }
            Outcome::Setback(setback) => Err(Failure::Setback(setback)),
        }
    }

    async fn take_reply(&mut self, composed: &Composed, reply: Reply, took: Duration) -> Result<(), Failure> {
        let agreement = self.agreement(&composed.end, &reply).await?;
        let heard = Heard {
            verdict: reply.verdict,
            epoch: reply.epoch,
            mark: reply.acknowledged,
            hash: reply.hash,
            agreement,
            pause: Duration::from_millis(u64::from(reply.pause_ms)),
            events: composed.events,
            took,
        };
        let jitter = self.draw();
        let orders = self.machine.heard(self.began.elapsed(), &heard, jitter);
        self.composer.status_arrived(composed.told);
        self.obey(orders).await?;
        if let Some(master_data) = reply.master_data {
            self.buffer.set_master_data(reply.master_data_revision, master_data).await?;
            self.composer.master_data_revision = reply.master_data_revision;
            tracing::info!(revision = reply.master_data_revision, "new master data");
        }
        self.say_verdict();
        let answered_at = self.clock.wall();
        self.view.send_modify(|view| {
            view.answered_at = Some(answered_at);
            view.round_trip_us = Some(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            view.exchanges += 1;
        });
        Ok(())
    }

    /// Asks what was said at central of this agent's stops, where it is not known here. Whatever comes of it, batches go
    /// on: nothing waits for it.
    async fn learn_corrections(&mut self, announced: Option<Uuid>) {
        let now = self.began.elapsed();
        if !self.corrections.asks(now, announced) {
            return;
        }
        match self.ask_corrections().await {
            Ok(revision) => self.corrections.stored(revision),
            Err(reason) => {
                tracing::warn!(reason, "what was said at central of this agent's stops is not known yet");
                self.corrections.failed(now);
            }
        }
    }

    async fn ask_corrections(&mut self) -> Result<Uuid, String> {
        let body = bytes::Bytes::from_static(b"{}");
        let asked = self.link.post_within(HEARTBEAT_ANSWER, CORRECTIONS_PATH, "application/json", body);
        let answer = asked.await.map_err(|error| error.to_string())?;
        let told = corrections::told(answer.status, &answer.body)?;
        let revision = told.revision;
        self.buffer.set_corrections(&told).await.map_err(|error| format!("the agent's log: {error}"))?;
        tracing::info!(stops = told.stops.len(), "what was said at central of this agent's stops");
        Ok(revision)
    }

    /// Holds central's mark against this log, reading on where the mark is beyond what was sent.
    async fn agreement(&self, end: &SentEnd, reply: &Reply) -> Result<Agreement, BufferError> {
        let Mark { acknowledged, hash, newest, .. } = self.mark;
        let standing = Standing { acknowledged, hash, newest };
        match compare(&standing, end, reply.acknowledged, reply.hash) {
            Agreement::Unread => {
                let own = self.hash_at(reply.acknowledged).await?;
                Ok(if own == Some(reply.hash) { Agreement::Same } else { Agreement::Different })
            }
            known => Ok(known),
        }
    }

    /// This log's chain hash at `mark`; none where the log ends before.
    async fn hash_at(&self, mark: Seq) -> Result<Option<ChainHash>, BufferError> {
        let (mut at, mut hash) = (self.mark.acknowledged, self.mark.hash);
        while at < mark {
            let left = usize::try_from(mark.0 - at.0).unwrap_or(usize::MAX);
            let run = self.buffer.read(at, left.min(VERIFY_EVENTS), VERIFY_BYTES).await?;
            if run.events.is_empty() {
                return Ok(None);
            }
            hash = hash.after(&run.events);
            at = at.plus(run.events.len() as u64);
        }
        Ok(Some(hash))
    }

    async fn obey(&mut self, orders: Orders) -> Result<(), Failure> {
        if let Some(epoch) = orders.begin_epoch {
            self.buffer.begin_epoch(epoch).await?;
            self.mark.epoch = epoch;
            tracing::warn!(epoch = epoch.0, "a divergence was resolved in favour of this log");
        }
        let Some((through, hash)) = orders.acknowledge else { return Ok(()) };
        match self.buffer.acknowledge(through, hash).await {
            Ok(()) => {
                let count = through.0 - self.mark.acknowledged.0;
                self.mark.acknowledged = through;
                self.mark.hash = hash;
                self.view.send_modify(|view| view.events_acknowledged += count);
                Ok(())
            }
            Err(error @ BufferError::NotAcknowledgeable { .. }) => {
                let text = error.to_string();
                self.machine.not_acknowledgeable(self.began.elapsed(), self.mark.acknowledged, text);
                Ok(())
            }
            Err(error) => {
                // The log may or may not have stored it: it says where it stands.
                let position = self.buffer.position().await?;
                self.mark.acknowledged = position.acknowledged;
                self.mark.hash = position.hash;
                self.machine.stands_at(position.acknowledged);
                Err(error.into())
            }
        }
    }

    fn take_setback(&mut self, setback: &Setback, events: usize) {
        let jitter = self.draw();
        self.machine.setback(self.began.elapsed(), setback, events, jitter);
        self.view.send_modify(|view| view.failures += 1);
        let health = if matches!(setback, Setback::Busy { .. }) { Health::Degraded } else { Health::Down };
        // While a person has to decide, a passing trouble on the way there must not hide it.
        if self.machine.divergence().is_none() {
            self.central.set(health, setback.to_string());
        }
    }

    fn say_verdict(&self) {
        match self.machine.divergence() {
            Some(text) => {
                self.central.set(
                    Health::Down,
                    format!("diverged: {text}. Nothing is sent and nothing is lost until a person decides on central"),
                );
            }
            None => self.central.set(Health::Good, ""),
        }
    }

    fn say_clock(&self) {
        match self.trust.offset_us(self.clock.now()) {
            None => self.clock_status.set(Health::Starting, "not yet compared with central's"),
            Some(offset_us) if offset_us.unsigned_abs() <= CLOCK_OFF_US => self.clock_status.set(Health::Good, ""),
            Some(offset_us) => {
                let direction = if offset_us > 0 { "behind" } else { "ahead of" };
                let about = roughly(offset_us.unsigned_abs() / 1_000_000);
                let reason = format!(
                    "this computer's clock is {about} {direction} central's: events get central's time; set the clock"
                );
                self.clock_status.set(Health::Degraded, reason);
            }
        }
    }

    fn tell(&self) {
        let (state, batch_events) = (self.machine.state(), self.machine.batch_events());
        self.view.send_if_modified(|view| {
            let changed = view.state != state || view.batch_events != batch_events;
            if view.state != state && state == UplinkState::Connected {
                tracing::info!(central = view.address, "connected");
            }
            view.state = state;
            view.batch_events = batch_events;
            changed
        });
    }

    fn draw(&mut self) -> f64 {
        self.jitter.random_range(0.0..1.0)
    }
}

/// Until something may have to be done; `false` when the grace at the end is over.
async fn wait(
    until: Instant,
    flushing: bool,
    appended: &mut watch::Receiver<Seq>,
    stopping: &CancellationToken,
    grace: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    tokio::select! {
        () = tokio::time::sleep_until(until) => true,
        // An error means that the log is closed, which the next exchange finds out; until then there is nothing new.
        Ok(()) = appended.changed() => true,
        () = stopping.cancelled(), if !flushing => true,
        () = grace => false,
    }
}

/// In the largest unit that says something, so that the reason does not change with every exchange.
fn roughly(seconds: u64) -> String {
    match seconds {
        0..=119 => "more than 2 s".to_owned(),
        120..=7_199 => format!("about {} min", seconds / 60),
        7_200..=172_799 => format!("about {} h", seconds / 3_600),
        _ => format!("about {} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
