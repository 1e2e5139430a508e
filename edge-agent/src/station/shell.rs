//! The one task that owns the [`Desk`]: takes requests one by one, commits what they lead to, and answers then.
//!
//! - **Who writes**: this task alone, through [`crate::capture`], so that entries stand in order with what machines do. The
//!   desk is committed under [`STATE_KEY`] with its events.
//! - **Who reads**: [`Station::view`], [`super::live`].
//! - **When the disk refuses**: a request is answered `not_stored` after [`ANSWER`], and may be stored all the same; sent
//!   again with its id, it is stored once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use process::clock::{Clock, Moment as Taken};
use protocol::correction::Corrections;
use protocol::event::{PieceQuality, Scan};
use protocol::id::{Name, Seq};
use protocol::master_data::MasterData;
use protocol::time::ClockQuality;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::api::{Moment, Refusal, RefusalCode, Stored, View};
use super::configuration::StationSection;
use super::credentials::{self, SECRET_BYTES_MAX};
use super::desk::{
    Command, Decision, Desk, Floor, MachineNow, Request, Rules, ScanOf, ScannedBy, Stamp, text_of, work_order_in,
};
use super::scanners::{Gone, Read};
use super::view::{self, Standing};
use crate::buffer::{Buffer, BufferError};
use crate::capture::CaptureSender;
use crate::clock::ClockTrust;
use crate::reading::{Item, Occurrence};
use crate::signals::LiveView;
use crate::signals::configuration::{MachineSection, Role};
use crate::sources::scanner::decode;
use crate::status::StatusBoard;

/// The key under which the desk is stored.
const STATE_KEY: &str = "station";
/// How long a request waits to be durable.
const ANSWER: Duration = Duration::from_secs(10);
/// Requests waiting for the desk.
const ASKS_MAX: usize = 32;
/// Badges and PINs waiting to be checked.
const CHECKS_MAX: usize = 8;
const TICK: Duration = Duration::from_secs(1);
/// A code is shorter; a label with more is no label.
pub(super) const SCAN_BYTES_MAX: usize = 4 * 1024;

/// What the station lives on.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub section: StationSection,
    pub station: Name,
    pub plant: Name,
    pub buffer: Buffer,
    pub clock: Arc<dyn Clock>,
    pub trust: ClockTrust,
    pub live: LiveView,
    pub machines: watch::Receiver<Arc<[MachineSection]>>,
    pub board: StatusBoard,
    pub central: crate::uplink::View,
}

/// Handle to the desk. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Station {
    asks: mpsc::Sender<Ask>,
    known: Known,
    /// One badge or PIN is checked at a time: each check costs memory and time on purpose.
    checking: Arc<Semaphore>,
    check_places: Arc<Semaphore>,
}

/// What a view is composed from.
#[derive(Debug, Clone)]
struct Known {
    surroundings: Arc<Surroundings>,
    rules: Arc<Rules>,
    desk: watch::Receiver<Arc<Desk>>,
    master_data: watch::Receiver<Arc<MasterData>>,
    corrections: watch::Receiver<Arc<Corrections>>,
}

#[derive(Debug)]
enum Ask {
    Store(Request, oneshot::Sender<Result<Stored, Refusal>>),
    WrongPin(String, oneshot::Sender<Result<Stored, Refusal>>),
}

/// The machines of a station at one moment, and what else a request is judged by.
struct Judging {
    now: Stamp,
    clock_is_wrong: bool,
    machines: Vec<MachineNow>,
    master_data: Arc<MasterData>,
    corrections: Arc<Corrections>,
}

impl Known {
    fn judging(&self) -> Judging {
        let it = &self.surroundings;
        let now = it.clock.now();
        let (at, quality) = it.trust.judge(now);
        Judging {
            now: Stamp { at, monotonic: now.monotonic },
            clock_is_wrong: quality == ClockQuality::Wrong,
            machines: self.machines(),
            master_data: self.master_data.borrow().clone(),
            corrections: self.corrections.borrow().clone(),
        }
    }

    fn machines(&self) -> Vec<MachineNow> {
        let wanted = &self.surroundings.section.machines;
        let sections = self.surroundings.machines.borrow().clone();
        let counting: HashSet<&Name> = sections.iter().filter(|it| counts_itself(it)).map(|it| &it.name).collect();
        let live = self.surroundings.live.snapshot().into_iter();
        let mut machines: Vec<MachineNow> = live
            .filter(|live| wanted.is_empty() || wanted.contains(&live.machine))
            .map(|live| MachineNow { counts_itself: counting.contains(&live.machine), live })
            .collect();
        machines.sort_by_key(|it| wanted.iter().position(|name| *name == it.live.machine));
        machines
    }

    fn floor<'f>(&'f self, judging: &'f Judging) -> Floor<'f> {
        Floor {
            now: judging.now,
            clock_is_wrong: judging.clock_is_wrong,
            station: &self.surroundings.station,
            machines: &judging.machines,
            master_data: &judging.master_data,
            corrections: &judging.corrections,
            rules: &self.rules,
        }
    }
}

fn counts_itself(section: &MachineSection) -> bool {
    section.signals.values().any(|signal| {
        matches!(signal.role, Role::Counter | Role::Delta)
            && signal.counts.unwrap_or(PieceQuality::Good) == PieceQuality::Good
    })
}

/// The desk as it was, and the task that owns it. The task ends when `stopping` is cancelled, after what it is storing.
pub(super) async fn open(
    surroundings: Surroundings,
    capture: CaptureSender,
    stopping: CancellationToken,
) -> Result<(Station, impl Future<Output = ()> + Send), BufferError> {
    let buffer = surroundings.buffer.clone();
    let stored = buffer.states().await?.remove(STATE_KEY);
    let mut desk = match stored.as_deref().map(serde_json::from_slice::<Desk>) {
        None => Desk::default(),
        Some(Ok(desk)) => desk,
        Some(Err(error)) => {
            tracing::error!("what the station remembered cannot be read; it begins anew: {error}");
            Desk::default()
        }
    };
    desk.complete(buffer.position().await?.newest);
    let mut master_data_changed = buffer.master_data_changed();
    master_data_changed.mark_unchanged();
    let (_, master_data) = buffer.master_data().await?;
    let mut corrections_changed = buffer.corrections_changed();
    corrections_changed.mark_unchanged();
    let (publish_corrections, corrections) = watch::channel(Arc::new(buffer.corrections().await?));
    let (publish_desk, desk) = watch::channel(Arc::new(desk));
    let (publish_master_data, master_data) = watch::channel(Arc::new(master_data.unwrap_or_default()));
    let (asks, receiver) = mpsc::channel(ASKS_MAX);
    let section = &surroundings.section;
    let rules = Arc::new(Rules {
        undo_s: section.undo_s,
        log_off_after_h: section.log_off_after_h,
        work_order_prefix: section.work_order_prefix.clone(),
    });
    let known = Known { surroundings: Arc::new(surroundings), rules, desk, master_data, corrections };
    let owner = Owner { known: known.clone(), capture, publish_desk, publish_master_data, publish_corrections };
    let station = Station {
        asks,
        known,
        checking: Arc::new(Semaphore::new(1)),
        check_places: Arc::new(Semaphore::new(CHECKS_MAX)),
    };
    Ok((station, owner.run(receiver, master_data_changed, corrections_changed, stopping)))
}

struct Owner {
    known: Known,
    capture: CaptureSender,
    publish_desk: watch::Sender<Arc<Desk>>,
    publish_master_data: watch::Sender<Arc<MasterData>>,
    publish_corrections: watch::Sender<Arc<Corrections>>,
}

impl Owner {
    async fn run(
        self,
        mut asks: mpsc::Receiver<Ask>,
        mut master_data_changed: watch::Receiver<u64>,
        mut corrections_changed: watch::Receiver<Uuid>,
        stopping: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                Ok(()) = master_data_changed.changed() => self.read_master_data().await,
                Ok(()) = corrections_changed.changed() => self.read_corrections().await,
                _ = tick.tick() => self.tick().await,
                ask = asks.recv() => match ask {
                    Some(ask) => self.take(ask).await,
                    None => return,
                },
            }
        }
    }

    async fn read_master_data(&self) {
        match self.known.surroundings.buffer.master_data().await {
            Ok((_, Some(master_data))) => drop(self.publish_master_data.send_replace(Arc::new(master_data))),
            Ok((_, None)) => {}
            Err(error) => tracing::warn!("the station goes on with the master data that it has: {error}"),
        }
    }

    async fn read_corrections(&self) {
        match self.known.surroundings.buffer.corrections().await {
            Ok(corrections) => drop(self.publish_corrections.send_replace(Arc::new(corrections))),
            Err(error) => tracing::warn!("the station goes on with the corrections that it has: {error}"),
        }
    }

    fn desk(&self) -> Arc<Desk> {
        self.publish_desk.borrow().clone()
    }

    async fn tick(&self) {
        let judging = self.known.judging();
        if let Some(decision) = self.desk().tick(&self.known.floor(&judging)) {
            // Nobody waits for it: what could not be stored comes up again.
            let _ = self.commit(decision, None).await;
        }
    }

    async fn take(&self, ask: Ask) {
        let judging = self.known.judging();
        let (answer, to) = match ask {
            Ask::Store(request, to) => {
                let decided = self.desk().decide(&request, &self.known.floor(&judging));
                let answer = match decided {
                    Ok(decision) => self.commit(decision, request.taken()).await,
                    Err(refusal) => Err(refusal),
                };
                (answer, to)
            }
            Ask::WrongPin(number, to) => {
                let (desk, refusal) = self.desk().wrong_pin(&number, judging.now);
                (self.store(desk, Vec::new()).await.and(Err(refusal)), to)
            }
        };
        // A page that no longer waits asks again, with the same id.
        let _ = to.send(answer);
    }

    /// Events happened at `taken`, else at this moment.
    async fn commit(&self, decision: Decision, taken: Option<Taken>) -> Result<Stored, Refusal> {
        let Decision { desk, events, answer } = decision;
        if events.is_empty() && desk == *self.desk() {
            return Ok(answer);
        }
        let taken = taken.unwrap_or_else(|| self.known.surroundings.clock.now());
        let occurrence = |(origin, kind)| Item::Occurrence(Occurrence { origin, taken, source_at: None, kind });
        let items: Vec<Item> = events.into_iter().map(occurrence).collect();
        let has_events = !items.is_empty();
        let last = self.store(desk, items).await?;
        if let Some(last) = last.filter(|_| has_events) {
            self.publish_desk.send_modify(|desk| Arc::make_mut(desk).note_stored(answer.id, last));
        }
        Ok(answer)
    }

    /// Durable, with the desk as it is then.
    async fn store(&self, desk: Desk, items: Vec<Item>) -> Result<Option<Seq>, Refusal> {
        let not_stored = |detail: &str| RefusalCode::NotStored.because(detail);
        let json = serde_json::to_vec(&desk).map_err(|error| not_stored(&format!("It cannot be stored: {error}")))?;
        let stopping = "It was not stored: the agent is stopping. Enter it again in a moment.";
        let queued = self.capture.queue_with_position(items, STATE_KEY.to_owned(), json).await;
        let queued = queued.map_err(|_| not_stored(stopping))?;
        let last = queued.await.map_err(|_| not_stored(stopping))?;
        self.publish_desk.send_replace(Arc::new(desk));
        Ok(last)
    }
}

/// Who somebody claims to be.
pub(super) enum Proof {
    Badge(String),
    Pin { number: String, pin: String },
}

impl Station {
    /// Durable when it returns.
    pub(super) async fn store(&self, id: Uuid, command: Command) -> Result<Stored, Refusal> {
        self.ask(|answer| Ask::Store(Request { id, command }, answer)).await
    }

    async fn ask(&self, ask: impl FnOnce(oneshot::Sender<Result<Stored, Refusal>>) -> Ask) -> Result<Stored, Refusal> {
        let waits = || {
            let detail = "It is not stored yet: this computer's disk does not take it. Try again; it is stored once.";
            RefusalCode::NotStored.because(detail)
        };
        let (answer, answered) = oneshot::channel();
        self.asks.try_send(ask(answer)).map_err(|_| waits())?;
        tokio::time::timeout(ANSWER, answered).await.map_err(|_| waits())?.map_err(|_| waits())?
    }

    pub(super) async fn log_on(&self, id: Uuid, proof: Proof) -> Result<Stored, Refusal> {
        let number = match proof {
            Proof::Badge(badge) => match self.badge_holder(badge).await? {
                Some(number) => number,
                None => return Err(unknown_badge()),
            },
            Proof::Pin { number, pin } => self.check_pin(number, pin).await?,
        };
        self.store(id, Command::LogOn { number }).await
    }

    async fn check_pin(&self, number: String, pin: String) -> Result<String, Refusal> {
        let _place = self.place()?;
        let turn = self.turn().await?;
        self.known.desk.borrow().clone().may_try_pin(&number, self.known.judging().now)?;
        let operators = self.known.master_data.borrow().clone();
        let wanted = number.clone();
        let checked = aside(turn, move || {
            let operator = operators.operators.iter().find(|it| it.number == wanted)?;
            Some((operator.pin_hash.is_some(), pin.len() <= SECRET_BYTES_MAX && credentials::is_pin(operator, &pin)))
        });
        // The next PIN is tried only once this one is counted.
        let (checked, _turn) = checked.await?;
        match checked {
            Some((_, true)) => Ok(number),
            Some((true, false)) => {
                Err(self.ask(|answer| Ask::WrongPin(number, answer)).await.err().unwrap_or_else(busy))
            }
            Some((false, false)) => Err(RefusalCode::NoPin.because("This operator has no PIN. Log on with the badge.")),
            None => Err(RefusalCode::UnknownOperator.because("Nobody has this number. Check it and try again.")),
        }
    }

    async fn badge_holder(&self, badge: String) -> Result<Option<String>, Refusal> {
        let _place = self.place()?;
        self.holder(badge).await
    }

    /// The number of whoever holds a badge, however many wait to know it.
    async fn holder(&self, badge: String) -> Result<Option<String>, Refusal> {
        let badge = badge.trim().to_owned();
        if badge.is_empty() || badge.len() > SECRET_BYTES_MAX {
            return Ok(None);
        }
        let turn = self.turn().await?;
        let known = self.known.master_data.borrow().clone();
        let checked = aside(turn, move || {
            credentials::badge_holder(&known.operators, &badge).map(|operator| operator.number.clone())
        });
        Ok(checked.await?.0)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.checking).acquire_owned().await.map_err(|_| busy())
    }

    fn place(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Refusal> {
        self.check_places.try_acquire().map_err(|_| busy())
    }

    pub(super) async fn scan(
        &self,
        id: Uuid,
        raw: &[u8],
        operator: Option<String>,
        machine: Option<Name>,
    ) -> Result<Stored, Refusal> {
        let known_desk = self.known.desk.borrow().clone();
        if let Some(answer) = known_desk.recall(id).filter(|it| it.meaning.is_some()) {
            return Ok(answer);
        }
        if raw.is_empty() {
            return Err(RefusalCode::Invalid.because("The scan is empty. Scan it again."));
        }
        if raw.len() > SCAN_BYTES_MAX {
            let detail = format!("The code is longer than {SCAN_BYTES_MAX} bytes. Scan one code at a time.");
            return Err(RefusalCode::Invalid.because(detail));
        }
        let section = &self.known.surroundings.section;
        let page = Name::new("station-page").map_err(|error| RefusalCode::Invalid.because(error.to_string()))?;
        let scan = decode::scan(&page, raw, section.gs1, section.group_separator.as_deref());
        let badge_of = match self.may_be_badge(&scan) {
            Some(text) => self.badge_holder(text).await?,
            None => None,
        };
        let by = ScannedBy::Page { operator, machine };
        self.store(id, Command::Scan(Box::new(ScanOf { scan, badge_of, by }))).await
    }

    /// What a scanner of the agent read; durable when it returns. However busy the station is, it waits: nobody else has
    /// the code, and before it is known whether it is a badge, it must not be stored.
    pub(super) async fn take(&self, read: Read) -> Result<(), Gone> {
        let Read { scan, machine, taken } = read;
        let badge_of = match self.may_be_badge(&scan) {
            Some(text) => self.holder(text).await.map_err(|_| Gone)?,
            None => None,
        };
        let by = ScannedBy::Scanner { machine, taken };
        let command = Command::Scan(Box::new(ScanOf { scan, badge_of, by }));
        let request = Request { id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(), command };
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask::Store(request, answer)).await.map_err(|_| Gone)?;
        match answered.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// The text of a code that is neither a work order nor GS1.
    fn may_be_badge(&self, scan: &Scan) -> Option<String> {
        let master_data = self.known.master_data.borrow().clone();
        let orders = &master_data.work_orders;
        let is_known = !scan.elements.is_empty() || work_order_in(scan, orders, &self.known.rules).is_some();
        text_of(scan).filter(|_| !is_known).map(str::to_owned)
    }

    pub(super) async fn view(&self) -> Result<View, BufferError> {
        let position = self.known.surroundings.buffer.position().await?;
        Ok(self.view_at(position.acknowledged, position.backlog_events))
    }

    /// Changes with every entry.
    pub(super) fn desk(&self) -> watch::Receiver<Arc<Desk>> {
        self.known.desk.clone()
    }

    /// The view, where the log stands so.
    pub(super) fn view_at(&self, acknowledged: Seq, waiting_events: u64) -> View {
        let it = &self.known.surroundings;
        let standing = Standing {
            report: it.central.borrow().clone(),
            condition: it.board.condition("central"),
            acknowledged,
            waiting_events,
        };
        let judging = self.known.judging();
        let desk = self.known.desk.borrow().clone();
        view::compose(&desk, &self.known.floor(&judging), &it.plant, &standing)
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.known.judging().now.at)
    }

    pub(super) fn buffer(&self) -> &Buffer {
        &self.known.surroundings.buffer
    }

    pub(super) fn central(&self) -> crate::uplink::View {
        self.known.surroundings.central.clone()
    }
}

/// Checks a badge or a PIN on a thread of its own, and holds `turn` for as long as it does: not on those that look up
/// names, which may all hang when the network is gone, nor on more than one, however many pages go away while they wait.
async fn aside<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    check: impl FnOnce() -> T + Send + 'static,
) -> Result<(T, OwnedSemaphorePermit), Refusal> {
    let (done, checked) = oneshot::channel();
    let started = std::thread::Builder::new().name("credentials".to_owned()).spawn(move || {
        let _ = done.send((check(), turn));
    });
    started.map_err(|_| busy())?;
    checked.await.map_err(|_| busy())
}

fn busy() -> Refusal {
    RefusalCode::NotStored.because("Too much is being checked at once. Try again in a moment.")
}

fn unknown_badge() -> Refusal {
    RefusalCode::UnknownBadge.because("Nobody has this badge. Try again, or log on with number and PIN.")
}
