//! Which messages were stored before, and which acknowledgement may leave next. Pure: no broker, no disk, no clock.
//!
//! # Why nothing is counted twice
//! A message is captured together with a [`Receipt`]: a hash of session, packet identifier, topic and payload. When its
//! acknowledgement does not reach the broker, the broker sends it again, with the same packet identifier and marked as a
//! duplicate [MQTT-4.4.0-1, MQTT-3.3.1-1]. Marked, and a receipt for it: it is only acknowledged. Not marked: it is new,
//! whatever its content.
//!
//! # Why nothing is dropped
//! The mark alone says nothing: a message that never arrived is sent again with the mark, too. It would be taken for stored
//! only if an older message had the same identifier **and** the same content **and** a receipt that is still valid. A
//! receipt ends
//! - when [`WINDOW`] later receipts were issued. A broker that numbers messages in sequence (mosquitto, EMQX, RabbitMQ,
//!   VerneMQ) uses an identifier again after 65,535 messages, so with such a broker **every message counts exactly once**;
//! - when the broker has certainly read the acknowledgement: it answered a ping that was sent after it. This is for brokers
//!   that give the lowest free identifier again at once. That it ended is itself stored for a session in which that was
//!   seen to happen. What remains with such a broker is the time between an acknowledgement and that answer, about a second:
//!   if connection or agent is lost just then, **and** the next message has the same content to the byte (no running total,
//!   no time, no number of its own), and never arrived, it is taken for the one before;
//! - with the session: the broker has forgotten what it had sent.
//!
//! A payload that carries an id of its own (`message_id`) is recognised by that instead, marked or not, whatever the session
//! or the identifier: among the last [`WINDOW`] messages it counts once, even if the publisher sent it twice.
//!
//! # Why acknowledgements are in order
//! They leave in the order of receipt [MQTT-4.6.0-2], each one once everything that was received up to its message is
//! durable. What a former connection left to be acknowledged is dropped with it: the broker will send it again.

use std::collections::{HashMap, VecDeque};

use protocol::id::Name;

use crate::capture::Receipt;

/// Receipts that are kept, of either kind. More than any broker has under way at once: their limits are 10 to 1,000, and
/// with MQTT 5 ours is told to them. Both kinds and the session's note together stay below 8,192, so that a log which keeps
/// that many per source never lets go of the note.
pub const WINDOW: u64 = 4_000;

/// Where the session itself is noted: its token as digest, and as serial the last receipt that has ended.
const SESSION_KEY: u32 = 0;
/// Receipts of packet identifiers are kept from here on.
const PACKET_KEYS: u32 = 1;
/// Receipts of the payloads' own ids.
const ID_KEYS: u32 = 0x1_0000;

/// Of what was delivered.
pub type Digest = [u8; 16];

/// What arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'m> {
    pub topic: &'m [u8],
    pub payload: &'m [u8],
    /// None at quality of service 0: not acknowledged, never sent again.
    pub packet_id: Option<u16>,
    /// The broker says that it sends this again.
    pub again: bool,
    /// The payload's own id.
    pub message_id: Option<&'m str>,
}

/// Whether a message was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    New(Mark),
    /// Captured before, or on its way there.
    Duplicate(Seen),
}

/// What a new message will be recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Quality of service 0: it does not come again.
    None,
    Packet(Digest),
    Id(Digest),
}

/// A message that was taken, and the submission that makes it durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    mark: Mark,
    serial: u64,
}

/// What the broker's word about the session means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// There was a session, and the broker no longer knows it.
    pub lost: bool,
    /// To be stored before anything is subscribed to.
    pub note: Option<Receipt>,
}

/// The state of one source's deliveries.
#[derive(Debug)]
pub struct Deliveries {
    source: Name,
    token: Option<Digest>,
    /// Of the last submission. Every one has a serial, also those without a receipt.
    serial: u64,
    stored: u64,
    /// Packet receipts up to here have ended.
    ended: u64,
    ended_noted: u64,
    identifiers_return_early: bool,
    packets: Ring,
    ids: Ring,
    /// Of this connection, in the order of receipt.
    waiting: VecDeque<(u16, Seen)>,
    /// Of this connection, since the last ping.
    acknowledged: Vec<Seen>,
    /// Acknowledged before the ping that is under way.
    pinged: Option<Vec<Seen>>,
}

impl Deliveries {
    /// Continues from what was committed.
    #[must_use]
    pub fn new(source: Name, receipts: Vec<Receipt>) -> Deliveries {
        let serial = receipts.iter().map(|receipt| receipt.serial).max().unwrap_or(0);
        let mut deliveries = Deliveries {
            source,
            token: None,
            serial,
            stored: serial,
            ended: 0,
            ended_noted: 0,
            identifiers_return_early: false,
            packets: Ring::default(),
            ids: Ring::default(),
            waiting: VecDeque::new(),
            acknowledged: Vec::new(),
            pinged: None,
        };
        let mut receipts = receipts;
        receipts.sort_unstable_by_key(|receipt| receipt.serial);
        for receipt in &receipts {
            match receipt.key {
                SESSION_KEY => {
                    deliveries.token = Some(receipt.digest);
                    deliveries.ended = receipt.serial;
                }
                key if key < ID_KEYS => deliveries.packets.add(receipt.digest, receipt.serial),
                _ => deliveries.ids.add(receipt.digest, receipt.serial),
            }
        }
        deliveries.ended_noted = deliveries.ended;
        deliveries.packets.end(deliveries.ended);
        deliveries
    }

    /// A connection is up; what the former one left to be acknowledged is void. `salt` makes the session's token unlike
    /// any before.
    pub fn begin_session(&mut self, present: bool, salt: &[u8]) -> SessionStart {
        self.waiting.clear();
        self.acknowledged.clear();
        self.pinged = None;
        if present && self.token.is_some() {
            return SessionStart { lost: false, note: None };
        }
        let lost = self.token.is_some();
        let serial = self.serial.to_be_bytes();
        self.token = Some(digest(&[b"session", self.source.as_bytes(), &serial, salt]));
        self.packets = Ring::default();
        self.identifiers_return_early = false;
        self.ended = self.serial;
        SessionStart { lost, note: self.note() }
    }

    /// Judges a message. What is new is either submitted or passed over.
    #[must_use]
    pub fn judge(&self, arrival: &Arrival<'_>) -> Verdict {
        if let Some(id) = arrival.message_id {
            let mark = Mark::Id(digest(&[b"id", arrival.topic, id.as_bytes()]));
            return self.seen(mark).map_or(Verdict::New(mark), Verdict::Duplicate);
        }
        let Some(packet_id) = arrival.packet_id else { return Verdict::New(Mark::None) };
        let token = self.token.unwrap_or_default();
        let mark = Mark::Packet(digest(&[&token, &packet_id.to_be_bytes(), arrival.topic, arrival.payload]));
        match self.seen(mark) {
            Some(seen) if arrival.again => Verdict::Duplicate(seen),
            _ => Verdict::New(mark),
        }
    }

    /// A new message is to be submitted, with this receipt, right now.
    pub fn submit(&mut self, mark: Mark) -> (Seen, Option<Receipt>) {
        self.identifiers_return_early |= matches!(mark, Mark::Packet(_)) && self.seen(mark).is_some();
        self.serial += 1;
        self.packets.forget(self.serial);
        self.ids.forget(self.serial);
        let place = u32::try_from(self.serial % WINDOW).unwrap_or(0);
        let (key, digest) = match mark {
            Mark::None => return (Seen { mark, serial: self.serial }, None),
            Mark::Packet(digest) => (PACKET_KEYS + place, digest),
            Mark::Id(digest) => (ID_KEYS + place, digest),
        };
        let receipt = Receipt { source: self.source.clone(), key, serial: self.serial, digest };
        (self.remember(mark), Some(receipt))
    }

    /// A new message gives nothing to submit. Its delivery is recognised all the same, for as long as the process runs; its
    /// own id is not, so that its publisher may send it again as it should have been.
    pub fn pass_over(&mut self, mark: Mark) -> Seen {
        match mark {
            Mark::None | Mark::Id(_) => Seen { mark: Mark::None, serial: self.serial },
            Mark::Packet(_) => self.remember(mark),
        }
    }

    fn remember(&mut self, mark: Mark) -> Seen {
        match mark {
            Mark::None => {}
            Mark::Packet(digest) => self.packets.add(digest, self.serial),
            Mark::Id(digest) => self.ids.add(digest, self.serial),
        }
        Seen { mark, serial: self.serial }
    }

    /// Serial of the last submission.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The submission with this serial, and all before it, are durable.
    pub fn stored(&mut self, serial: u64) {
        self.stored = self.stored.max(serial);
    }

    /// A message is to be acknowledged once it is durable.
    pub fn received(&mut self, packet_id: u16, seen: Seen) {
        self.waiting.push_back((packet_id, seen));
    }

    /// The packet identifier whose acknowledgement leaves next, once it may.
    pub fn next_acknowledgement(&mut self) -> Option<u16> {
        let stored = self.stored;
        let (packet_id, seen) = self.waiting.pop_front_if(|(_, seen)| seen.serial <= stored)?;
        if matches!(seen.mark, Mark::Packet(_)) {
            self.acknowledged.push(seen);
        }
        Some(packet_id)
    }

    /// Whether a ping would let receipts end.
    #[must_use]
    pub fn wants_ping(&self) -> bool {
        self.pinged.is_none() && !self.acknowledged.is_empty()
    }

    /// A ping leaves, after every acknowledgement so far.
    pub fn pinged(&mut self) {
        if self.pinged.is_none() {
            self.pinged = Some(std::mem::take(&mut self.acknowledged));
        }
    }

    /// The broker answered it. What is returned is to be stored.
    pub fn answered(&mut self) -> Option<Receipt> {
        for seen in self.pinged.take()? {
            self.packets.remove(seen);
            // A broker sends again in order, before anything new: whatever is older was acknowledged, too.
            self.ended = self.ended.max(seen.serial);
        }
        if !self.identifiers_return_early || self.ended == self.ended_noted {
            return None;
        }
        self.note()
    }

    fn seen(&self, mark: Mark) -> Option<Seen> {
        let serial = match mark {
            Mark::None => None,
            Mark::Packet(digest) => self.packets.serials.get(&digest),
            Mark::Id(digest) => self.ids.serials.get(&digest),
        };
        serial.map(|serial| Seen { mark, serial: *serial })
    }

    fn note(&mut self) -> Option<Receipt> {
        self.ended_noted = self.ended;
        let digest = self.token?;
        Some(Receipt { source: self.source.clone(), key: SESSION_KEY, serial: self.ended, digest })
    }
}

/// The newest digests, with the serial each was last seen under.
#[derive(Debug, Default)]
struct Ring {
    serials: HashMap<Digest, u64>,
    order: VecDeque<(u64, Digest)>,
}

impl Ring {
    fn add(&mut self, digest: Digest, serial: u64) {
        self.serials.insert(digest, serial);
        self.order.push_back((serial, digest));
    }

    /// Keeps the last [`WINDOW`].
    fn forget(&mut self, newest: u64) {
        self.end(newest.saturating_sub(WINDOW));
    }

    fn remove(&mut self, seen: Seen) {
        if let Mark::Packet(digest) | Mark::Id(digest) = seen.mark
            && self.serials.get(&digest) == Some(&seen.serial)
        {
            self.serials.remove(&digest);
        }
    }

    fn end(&mut self, through: u64) {
        while let Some((serial, digest)) = self.order.pop_front_if(|(serial, _)| *serial <= through) {
            if self.serials.get(&digest) == Some(&serial) {
                self.serials.remove(&digest);
            }
        }
    }
}

/// The parts with their lengths, so that no two lists of parts are the same bytes.
fn digest(parts: &[&[u8]]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

#[cfg(test)]
mod tests;
