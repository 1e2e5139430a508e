//! One broker: connects, reads, captures, acknowledges. One task does all of it.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use process::backoff::Backoff;
use process::clock::Moment;
use protocol::batch::{Health, OriginKind};
use protocol::event::{EventKind, Gap, GapCause};
use protocol::id::Name;
use protocol::time::UtcMicros;
use rand::RngExt as _;
use rand::rngs::SmallRng;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};

use super::configuration::{MqttSection, TopicSection};
use super::deliveries::{Arrival, Deliveries, Mark, Seen, Verdict};
use super::mapping::{self, Poison, ReadingDraft};
use super::poison::{PoisonRecord, PoisonStore};
use super::sparkplug::host::{Action, Host};
use super::sparkplug::{self, payload};
use super::subscriptions::Subscriptions;
use super::topic::matches;
use super::wire::packets::{Connect, Incoming, Outgoing, Publish, Will};
use super::wire::{Connection, WireError};
use crate::capture::{Receipt, Stopping, Stored};
use crate::reading::{Item, Nature, Occurrence, OriginName, Reading};
use crate::sources::SourceContext;

const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LAST: Duration = Duration::from_secs(60);
/// A connection that held so long was a good one: the next pause is short again.
const LASTING: Duration = Duration::from_secs(30);
/// How long what is on its way may take to be stored and acknowledged when the agent stops.
const FAREWELL: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Source {
    section: MqttSection,
    context: SourceContext,
    deliveries: Deliveries,
    host: Host,
    poison: PoisonStore,
    subscriptions: Subscriptions,
    /// The broker has confirmed all subscriptions to this process, in the session that is still its own.
    subscribed: bool,
    /// Submissions that are not yet durable, in order.
    outstanding: VecDeque<(u64, oneshot::Receiver<Stored>)>,
    /// This process has asked the Sparkplug nodes for their births.
    births_asked: bool,
    heard_at: Option<UtcMicros>,
    connected_at: Option<Instant>,
    backoff: Backoff,
    random: SmallRng,
}

/// Why a connection is over.
enum End {
    Stopping,
    Lost(String),
}

impl From<WireError> for End {
    fn from(error: WireError) -> End {
        End::Lost(error.to_string())
    }
}

impl From<Stopping> for End {
    fn from(_: Stopping) -> End {
        End::Stopping
    }
}

impl Source {
    pub(super) fn new(
        section: MqttSection,
        context: SourceContext,
        receipts: Vec<Receipt>,
        data_dir: PathBuf,
    ) -> Source {
        let topics = section.topics.iter().map(|topic| topic.filter.clone());
        let nodes = section.sparkplug.iter().flat_map(|node| sparkplug::filters(&node.group, &node.node));
        let mut filters: BTreeSet<String> = topics.chain(nodes).collect();
        filters.extend(section.sparkplug_host_id.as_deref().map(sparkplug::state_topic));
        Source {
            deliveries: Deliveries::new(section.name.clone(), receipts),
            host: Host::new(&section.sparkplug, section.rebirth_pause_s),
            poison: PoisonStore::new(&data_dir, &section.name),
            subscriptions: Subscriptions::new(&data_dir, &section.name, filters),
            subscribed: false,
            outstanding: VecDeque::new(),
            births_asked: false,
            heard_at: None,
            connected_at: None,
            backoff: Backoff::new(PAUSE_FIRST, PAUSE_LAST),
            random: rand::make_rng(),
            section,
            context,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let reason = match self.one_connection().await {
                Err(End::Lost(reason)) => reason,
                Err(End::Stopping) | Ok(()) => return,
            };
            // A connection that does not last is no success: two clients with one id would throw each other out for ever.
            if self.connected_at.take().is_some_and(|at| at.elapsed() >= LASTING) {
                self.backoff.succeeded();
            }
            let pause = self.backoff.failed(self.random.random());
            self.context.status.count("connections_lost", 1);
            let place = format!("{}:{}", self.section.host, self.section.port());
            self.context.status.set(Health::Down, format!("{place}: {reason}; trying again with growing pauses"));
            tokio::select! {
                () = self.context.stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn one_connection(&mut self) -> Result<(), End> {
        let began = self.context.clock.now();
        let connect = self.connect_packet(began).await.map_err(End::Lost)?;
        let (mut connection, accepted) = tokio::select! {
            () = self.context.stopping.cancelled() => return Err(End::Stopping),
            opened = Connection::open(&self.section, connect) => opened?,
        };
        let births_wanted = self.begin_session(accepted.session_present).await?;
        self.announce(&mut connection, true, began)?;
        if !self.subscribed {
            let unwanted = self.subscriptions.begin().await;
            if !unwanted.is_empty() {
                connection.send(Outgoing::Unsubscribe(unwanted))?;
            }
            connection.send(Outgoing::Subscribe(self.subscriptions.wanted()))?;
        }
        for place in births_wanted {
            self.ask_for_births(&mut connection, place, began)?;
        }
        let keep_alive_s = accepted.keep_alive_s.unwrap_or(self.section.keep_alive_s).max(2);
        let mut pings = Pings::new(Duration::from_secs(keep_alive_s.into()));
        if self.subscribed {
            self.connected();
        }
        let ended = self.listen(&mut connection, &mut pings).await;
        if matches!(ended, Err(End::Stopping)) {
            self.farewell(&mut connection, began).await;
        }
        ended
    }

    async fn connect_packet(&self, now: Moment) -> Result<Connect, String> {
        let password = match (&self.section.password, &self.section.password_file) {
            (Some(password), _) => Some(password.0.clone().into_bytes()),
            (None, Some(file)) => {
                let text = tokio::fs::read_to_string(file).await;
                let text = text.map_err(|error| format!("cannot read the password in {}: {error}", file.display()))?;
                Some(text.trim_end_matches(['\r', '\n']).as_bytes().to_vec())
            }
            (None, None) => None,
        };
        let will = self.section.sparkplug_host_id.as_deref().map(|id| Will {
            topic: sparkplug::state_topic(id),
            payload: sparkplug::state_payload(false, now.wall.0 / 1_000),
        });
        Ok(Connect {
            client_id: self.section.client_id.clone(),
            keep_alive_s: self.section.keep_alive_s,
            session_expiry_s: self.section.session_expiry_h.saturating_mul(3_600),
            in_flight_max: self.section.in_flight_max,
            username: self.section.username.clone(),
            password,
            will,
        })
    }

    /// Notes a new session before anything can be delivered in it. Returns the Sparkplug nodes to ask for births.
    async fn begin_session(&mut self, present: bool) -> Result<Vec<usize>, End> {
        let now = self.context.clock.now();
        let start = self.deliveries.begin_session(present, &now.wall.0.to_be_bytes());
        let mut births_wanted = Vec::new();
        if !present {
            self.subscribed = false;
        }
        if !present || !std::mem::replace(&mut self.births_asked, true) {
            births_wanted = self.host.forget_births(now);
        }
        if let Some(note) = start.note {
            let items = if start.lost { vec![self.session_lost(now)] } else { Vec::new() };
            tokio::select! {
                () = self.context.stopping.cancelled() => return Err(End::Stopping),
                stored = self.context.capture.store(items, Some(note)) => stored?,
            }
        }
        Ok(births_wanted)
    }

    fn session_lost(&self, now: Moment) -> Item {
        self.context.status.count("sessions_lost", 1);
        let text = "the broker no longer knows the agent's session: what it had kept for the agent is lost. \
                    Running totals catch up by themselves, deltas do not";
        let from = self.heard_at.unwrap_or(now.wall);
        self.gap(now, GapCause::BrokerSessionLost, None, from, text.to_owned())
    }

    fn gap(&self, now: Moment, cause: GapCause, lost: Option<u64>, from: UtcMicros, text: String) -> Item {
        let subject = self.section.name.clone();
        let kind = EventKind::Gap(Gap { cause, subject, lost, from, to: now.wall, text });
        let origin = OriginName { kind: OriginKind::Agent, name: agent() };
        Item::Occurrence(Occurrence { origin, taken: now, source_at: None, kind })
    }

    fn connected(&mut self) {
        self.connected_at = Some(Instant::now());
        let place = format!("{}:{}", self.section.host, self.section.port());
        self.context.status.set(Health::Good, format!("connected to {place}"));
    }

    async fn listen(&mut self, connection: &mut Connection, pings: &mut Pings) -> Result<(), End> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopping = self.context.stopping.clone();
        loop {
            while let Some(packet_id) = self.deliveries.next_acknowledgement() {
                connection.send(Outgoing::PubAck(packet_id))?;
            }
            let flushed = tokio::time::timeout(pings.keep_alive, connection.flush()).await;
            flushed.map_err(|_| WireError::Silent(pings.keep_alive))??;
            let room = self.outstanding.len() < usize::from(self.section.in_flight_max);
            tokio::select! {
                biased;
                () = stopping.cancelled() => return Err(End::Stopping),
                stored = next_stored(&mut self.outstanding) => self.deliveries.stored(stored?),
                _ = tick.tick() => pings.tick(connection, &mut self.deliveries, room)?,
                incoming = connection.receive(), if room => self.take(incoming?, connection, pings).await?,
            }
        }
    }

    async fn take(&mut self, incoming: Incoming, connection: &mut Connection, pings: &mut Pings) -> Result<(), End> {
        let now = self.context.clock.now();
        self.heard_at = Some(now.wall);
        match incoming {
            Incoming::Publish(publish) => self.take_publish(publish, connection, now).await?,
            Incoming::Oversized { publish, packet_bytes } => {
                self.pass_over(&publish, packet_bytes, Poison::TooLarge { bytes: packet_bytes }, now).await;
            }
            Incoming::Unreadable { publish, packet_bytes } => {
                self.pass_over(&publish, packet_bytes, Poison::Malformed, now).await;
            }
            Incoming::SubAck(taken) => self.subscribed(&taken).await,
            Incoming::Pong => {
                if pings.answered()
                    && let Some(note) = self.deliveries.answered()
                {
                    self.submit(Vec::new(), Some(note)).await?;
                }
            }
            Incoming::Disconnect(reason) => {
                return Err(End::Lost(format!("the broker ended the connection: {reason}")));
            }
            Incoming::Other => {}
        }
        Ok(())
    }

    async fn subscribed(&mut self, taken: &[bool]) {
        let wanted = self.subscriptions.wanted();
        let refused: Vec<&str> =
            wanted.iter().zip(taken).filter(|(_, taken)| !**taken).map(|(filter, _)| filter.as_str()).collect();
        if refused.is_empty() {
            self.subscribed = true;
            self.subscriptions.done().await;
            self.connected();
        } else {
            let text = format!("the broker refuses these filters: {}", refused.join(", "));
            self.context.status.set(Health::Degraded, text);
        }
    }

    async fn take_publish(&mut self, publish: Publish, connection: &mut Connection, now: Moment) -> Result<(), End> {
        self.context.status.count("messages", 1);
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        let sections: Vec<usize> =
            (0..self.section.topics.len()).filter(|at| matches(&self.section.topics[*at].filter, &topic)).collect();
        let id = sections.iter().find_map(|at| mapping::message_id(&self.section.topics[*at], &publish.payload));
        let arrival = Arrival {
            topic: &publish.topic,
            payload: &publish.payload,
            packet_id: publish.packet_id,
            again: publish.again,
            message_id: id.as_deref(),
        };
        let mark = match self.deliveries.judge(&arrival) {
            Verdict::New(mark) => mark,
            Verdict::Duplicate(seen) => {
                self.context.status.count("duplicates", 1);
                self.received(&publish, seen);
                return Ok(());
            }
        };
        let mut items = Vec::new();
        let mut problems = Vec::new();
        if sections.is_empty() {
            self.take_sparkplug(&topic, &publish, connection, now, &mut items, &mut problems)?;
        }
        let nature = if publish.retained { Nature::Standing } else { Nature::Live };
        for at in sections {
            let section = &self.section.topics[at];
            let mapped = mapping::map(section, &topic, &publish.payload, now.wall);
            self.tell_availability(section, mapped.availability);
            items.extend(mapped.readings.into_iter().map(|draft| reading(draft, nature, now)));
            problems.extend(mapped.problems);
        }
        if !problems.is_empty() {
            self.set_aside(&publish, publish.payload.len(), &problems, now).await;
        }
        let seen = if items.is_empty() {
            self.deliveries.pass_over(mark)
        } else {
            let (seen, receipt) = self.deliveries.submit(mark);
            let stored = self.queue(items, receipt).await?;
            self.outstanding.push_back((self.deliveries.serial(), stored));
            seen
        };
        self.received(&publish, seen);
        Ok(())
    }

    /// Sets aside what has no payload to look at.
    async fn pass_over(&mut self, publish: &Publish, packet_bytes: usize, poison: Poison, now: Moment) {
        self.context.status.count("messages", 1);
        self.set_aside(publish, packet_bytes, &[poison], now).await;
        let seen = self.deliveries.pass_over(Mark::None);
        self.received(publish, seen);
    }

    fn received(&mut self, publish: &Publish, seen: Seen) {
        if let Some(packet_id) = publish.packet_id {
            self.deliveries.received(packet_id, seen);
        }
    }

    /// Queues what has no message of its own.
    async fn submit(&mut self, items: Vec<Item>, receipt: Option<Receipt>) -> Result<(), End> {
        self.deliveries.submit(Mark::None);
        let stored = self.queue(items, receipt).await?;
        self.outstanding.push_back((self.deliveries.serial(), stored));
        Ok(())
    }

    async fn queue(&self, items: Vec<Item>, receipt: Option<Receipt>) -> Result<oneshot::Receiver<Stored>, End> {
        tokio::select! {
            () = self.context.stopping.cancelled() => Err(End::Stopping),
            queued = self.context.capture.queue(items, receipt) => Ok(queued?),
        }
    }

    fn tell_availability(&self, section: &TopicSection, availability: Option<bool>) {
        let (Some(device), Some(online)) = (&section.device, availability) else { return };
        let device = self.context.status.device(device);
        if online {
            device.set(Health::Good, "online");
        } else {
            device.set(Health::Down, "offline: its last will says so");
        }
    }

    /// Writes the message down; that it cannot be written down stops nothing.
    async fn set_aside(&self, publish: &Publish, bytes: usize, problems: &[Poison], now: Moment) {
        self.context.status.count("poison_messages", 1);
        let topic = String::from_utf8_lossy(&publish.topic);
        let reasons: Vec<String> = problems.iter().take(10).map(ToString::to_string).collect();
        let record = PoisonRecord::new(now.wall, &topic, &reasons.join("; "), &publish.payload, bytes);
        let store = self.poison.clone();
        let written = tokio::task::spawn_blocking(move || store.append(&record)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(subject = self.context.status.name(), %error, "cannot write down a message set aside");
        }
    }
}

/// Sparkplug.
impl Source {
    fn take_sparkplug(
        &mut self,
        topic: &str,
        publish: &Publish,
        connection: &mut Connection,
        now: Moment,
        items: &mut Vec<Item>,
        problems: &mut Vec<Poison>,
    ) -> Result<(), End> {
        if self.is_own_state(topic) {
            // Somebody, most likely our own former connection's will, says that we are not there.
            if publish.payload.windows(5).any(|bytes| bytes == b"false") {
                self.announce(connection, true, now)?;
            }
            return Ok(());
        }
        let parsed = sparkplug::Topic::parse(topic);
        let Some((place, parsed)) = parsed.and_then(|parsed| Some((self.host.place(&parsed)?, parsed))) else {
            problems.push(Poison::UnknownTopic);
            return Ok(());
        };
        if publish.retained {
            return Ok(());
        }
        for action in self.host.take(place, &parsed, &publish.payload, now) {
            match action {
                Action::Read(draft, nature) => items.push(reading(draft, nature, now)),
                Action::AskForBirths => self.ask_for_births(connection, place, now)?,
                Action::Condition(health, reason) => self.node_status(parsed.group, parsed.node, health, reason),
                Action::Missed(lost) => {
                    self.context.status.count("sparkplug_messages_missed", lost.into());
                    let text =
                        format!("{lost} messages of Sparkplug node {}/{} did not arrive", parsed.group, parsed.node);
                    items.push(self.gap(now, GapCause::SourceSequence, Some(lost.into()), now.wall, text));
                }
                Action::SetAside(poison) => problems.push(poison),
            }
        }
        Ok(())
    }

    fn node_status(&self, group: &str, node: &str, health: Health, reason: String) {
        self.context.status.device(&format!("{group}.{node}")).set(health, reason);
    }

    fn ask_for_births(&self, connection: &mut Connection, place: usize, now: Moment) -> Result<(), End> {
        let Some(node) = self.section.sparkplug.get(place) else { return Ok(()) };
        self.context.status.count("rebirths_asked", 1);
        let topic = sparkplug::command_topic(&node.group, &node.node);
        let payload = payload::rebirth_command(u64::try_from(now.wall.0 / 1_000).unwrap_or(0));
        connection.send(Outgoing::Publish { topic, payload, retain: false })?;
        Ok(())
    }

    fn is_own_state(&self, topic: &str) -> bool {
        self.section.sparkplug_host_id.as_deref().is_some_and(|id| topic == sparkplug::state_topic(id))
    }

    /// The host application's retained word about itself.
    fn announce(&self, connection: &mut Connection, online: bool, began: Moment) -> Result<(), End> {
        let Some(id) = self.section.sparkplug_host_id.as_deref() else { return Ok(()) };
        let payload = sparkplug::state_payload(online, began.wall.0 / 1_000);
        connection.send(Outgoing::Publish { topic: sparkplug::state_topic(id), payload, retain: true })?;
        Ok(())
    }
}

/// Stopping.
impl Source {
    /// Waits for what is on its way, acknowledges it, and takes leave of the broker. What does not get through comes again.
    async fn farewell(&mut self, connection: &mut Connection, began: Moment) {
        let leaving = async {
            while !self.outstanding.is_empty() {
                match next_stored(&mut self.outstanding).await {
                    Ok(serial) => self.deliveries.stored(serial),
                    Err(Stopping) => break,
                }
            }
            while let Some(packet_id) = self.deliveries.next_acknowledgement() {
                connection.send(Outgoing::PubAck(packet_id))?;
            }
            self.announce(connection, false, began)?;
            connection.send(Outgoing::Disconnect)?;
            connection.flush().await?;
            Ok::<(), End>(())
        };
        // Either way the connection ends here.
        let _ = tokio::time::timeout(FAREWELL, leaving).await;
    }
}

/// Serial of the next submission that has become durable. Cancelled, nothing is lost.
async fn next_stored(outstanding: &mut VecDeque<(u64, oneshot::Receiver<Stored>)>) -> Result<u64, Stopping> {
    let Some((serial, stored)) = outstanding.front_mut() else { return std::future::pending().await };
    let (serial, result) = (*serial, stored.await);
    outstanding.pop_front();
    result.map(|_| serial).map_err(|_| Stopping)
}

#[expect(clippy::expect_used, reason = "a constant name")]
fn agent() -> Name {
    Name::new("agent").expect("a name")
}

fn reading(draft: ReadingDraft, nature: Nature, taken: Moment) -> Item {
    let ReadingDraft { machine, signal, value, source_at } = draft;
    Item::Reading(Reading { machine, signal, value, taken, source_at, nature })
}

/// Keeps the connection alive, finds out that it is not, and lets receipts end.
struct Pings {
    keep_alive: Duration,
    sent_at: Instant,
    unanswered: u32,
}

impl Pings {
    fn new(keep_alive: Duration) -> Pings {
        Pings { keep_alive, sent_at: Instant::now(), unanswered: 0 }
    }

    /// `reading` is false while nothing is read because the window is full: then no answer can be expected.
    fn tick(&mut self, connection: &mut Connection, deliveries: &mut Deliveries, reading: bool) -> Result<(), End> {
        let since = self.sent_at.elapsed();
        if self.unanswered > 0 && reading && since >= self.keep_alive {
            return Err(WireError::Silent(since).into());
        }
        if (since < self.keep_alive / 2 || (self.unanswered > 0 && reading))
            && !(self.unanswered == 0 && deliveries.wants_ping())
        {
            return Ok(());
        }
        if self.unanswered == 0 {
            deliveries.pinged();
        }
        connection.send(Outgoing::Ping)?;
        self.unanswered += 1;
        self.sent_at = Instant::now();
        Ok(())
    }

    /// Whether all pings are answered.
    fn answered(&mut self) -> bool {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.unanswered == 0
    }
}
