//! What is told to everybody who may see the same plants: the last frames, each made once.
//!
//! Frames are numbered without holes. Only [`super::Hub`] adds some, under its lock, so that a board and the number it
//! stands for belong together.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::Topics;
use crate::auth::Plants;
use crate::machines::board::{Changes, Told};

/// As much as is kept for those who come back, and for those who read slowly.
const FRAMES_MAX: usize = 1_024;
const BYTES_MAX: usize = 1024 * 1024;
/// Many come back in one moment, as after a restart.
const BOARD_KEPT: TimeDelta = TimeDelta::milliseconds(500);
/// How long a browser waits before it comes back.
const RETRY_MS: u32 = 2_000;

/// `process-feed-number`, each hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    pub process: u64,
    pub feed: u64,
    pub number: u64,
}

impl EventId {
    /// None for what is no id of any central.
    #[must_use]
    pub fn parse(text: &str) -> Option<EventId> {
        let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16).ok());
        let id = EventId { process: parts.next()??, feed: parts.next()??, number: parts.next()?? };
        parts.next().is_none().then_some(id)
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.process, self.feed, self.number)
    }
}

/// Changes whenever there is something to send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Number of the newest frame.
    pub newest: u64,
    pub beats: u64,
    pub closed: bool,
}

#[derive(Debug)]
pub struct Feed {
    pub(super) plants: Plants,
    process: u64,
    number: u64,
    ring: Mutex<Ring>,
    marks: watch::Sender<Mark>,
    /// Heartbeats since the last stream ended.
    idle_beats: AtomicU32,
}

#[derive(Debug, Default)]
struct Ring {
    /// Number of the newest frame; they count from 1.
    newest: u64,
    /// The newest frames.
    frames: VecDeque<Bytes>,
    bytes: usize,
    heartbeat: Bytes,
    /// The board, and as of when, for all who come in the same moment.
    board: Option<(DateTime<Utc>, Bytes)>,
}

/// What follows a number.
#[derive(Debug)]
pub(super) enum Following {
    Frame(Bytes),
    /// Nothing yet.
    Nothing,
    /// It is not kept any more.
    Gone,
}

impl Feed {
    #[must_use]
    pub fn new(process: u64, number: u64, plants: Plants) -> Feed {
        Feed {
            plants,
            process,
            number,
            ring: Mutex::default(),
            marks: watch::Sender::new(Mark::default()),
            idle_beats: AtomicU32::new(0),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self, number: u64) -> EventId {
        EventId { process: self.process, feed: self.number, number }
    }

    pub(super) fn marks(&self) -> watch::Receiver<Mark> {
        self.marks.subscribe()
    }

    /// Adds what concerns these plants; answers how many frames that were.
    pub(super) fn push(&self, at: DateTime<Utc>, changes: &Changes, topics: Topics) -> usize {
        let mut ring = self.ring();
        let before = ring.newest;
        let removed: Vec<i32> =
            changes.removed.iter().filter(|(_, plant)| self.plants.contain(*plant)).map(|(id, _)| *id).collect();
        if !removed.is_empty() {
            let text = serde_json::json!({ "ids": removed }).to_string();
            self.add(&mut ring, "removed", |to| to.extend_from_slice(text.as_bytes()));
        }
        let mut changed = changes
            .changed
            .iter()
            .filter(|told| self.plants.contain(told.machine.plant_id))
            .map(|it| &*it.json)
            .peekable();
        if changed.peek().is_some() {
            self.add(&mut ring, "machines", |to| write_machines(to, at, changed));
        }
        let words = topics.words();
        if !words.is_empty() {
            let text = serde_json::json!({ "topics": words }).to_string();
            self.add(&mut ring, "changed", |to| to.extend_from_slice(text.as_bytes()));
        }
        let added = ring.newest - before;
        if added > 0 {
            let newest = ring.newest;
            drop(ring);
            self.marks.send_modify(|mark| mark.newest = newest);
        }
        usize::try_from(added).unwrap_or(usize::MAX)
    }

    fn add(&self, ring: &mut Ring, event: &str, data: impl FnOnce(&mut Vec<u8>)) {
        ring.newest += 1;
        let frame = frame(self.id(ring.newest), event, data);
        ring.bytes += frame.len();
        ring.frames.push_back(frame);
        ring.board = None;
        while ring.frames.len() > FRAMES_MAX || ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.frames.pop_front() else { break };
            ring.bytes -= oldest.len();
        }
    }

    pub(super) fn beat(&self, at: DateTime<Utc>) {
        let is_followed = self.marks.receiver_count() > 0;
        let beats = if is_followed { 0 } else { self.idle_beats() + 1 };
        self.idle_beats.store(beats, Ordering::Relaxed);
        if is_followed {
            let mut ring = self.ring();
            let text = serde_json::json!({ "at": at }).to_string();
            ring.heartbeat = frame(self.id(ring.newest), "heartbeat", |to| to.extend_from_slice(text.as_bytes()));
            drop(ring);
            self.marks.send_modify(|mark| mark.beats += 1);
        }
    }

    pub(super) fn idle_beats(&self) -> u32 {
        self.idle_beats.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.marks.send_modify(|mark| mark.closed = true);
    }

    /// Where a browser that saw this frame goes on; none when it cannot.
    pub(super) fn position(&self, last: EventId) -> Option<u64> {
        let ring = self.ring();
        let is_ours = self.id(last.number) == last && last.number <= ring.newest;
        (is_ours && last.number + ring.frames.len() as u64 >= ring.newest).then_some(last.number)
    }

    /// What follows the frame of this number.
    pub(super) fn after(&self, number: u64) -> Following {
        let ring = self.ring();
        let behind = ring.newest.saturating_sub(number);
        if behind == 0 {
            return Following::Nothing;
        }
        let index = usize::try_from(behind).ok().and_then(|behind| ring.frames.len().checked_sub(behind));
        index.and_then(|index| ring.frames.get(index)).map_or(Following::Gone, |it| Following::Frame(it.clone()))
    }

    /// The newest heartbeat, for a stream that has sent every frame up to this number; none when it has not.
    pub(super) fn heartbeat(&self, number: u64) -> Option<Bytes> {
        let ring = self.ring();
        (number == ring.newest).then(|| ring.heartbeat.clone())
    }

    /// The board as a frame, made once for all who come in the same moment: what it says of the time is what ages are counted
    /// from.
    pub(super) fn board<'t>(&self, at: DateTime<Utc>, machines: impl Iterator<Item = &'t Told>) -> (u64, Bytes) {
        let mut ring = self.ring();
        if let Some((made_at, made)) = &ring.board
            && at.signed_duration_since(made_at).abs() < BOARD_KEPT
        {
            return (ring.newest, made.clone());
        }
        let seen = machines.filter(|told| self.plants.contain(told.machine.plant_id)).map(|told| &*told.json);
        let mut text = format!("retry: {RETRY_MS}\n").into_bytes();
        text.extend_from_slice(&frame(self.id(ring.newest), "board", |to| write_machines(to, at, seen)));
        let made = Bytes::from(text);
        ring.board = Some((at, made.clone()));
        (ring.newest, made)
    }
}

/// One server-sent event. `data` is JSON, which has no line breaks.
fn frame(id: EventId, event: &str, data: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut text = format!("id: {id}\nevent: {event}\ndata: ").into_bytes();
    data(&mut text);
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// `{"at":…,"machines":[…]}`
pub(super) fn write_machines<'j>(to: &mut Vec<u8>, at: DateTime<Utc>, machines: impl Iterator<Item = &'j str>) {
    to.extend_from_slice(b"{\"at\":");
    to.extend_from_slice(serde_json::json!(at).to_string().as_bytes());
    to.extend_from_slice(b",\"machines\":[");
    for (index, machine) in machines.enumerate() {
        if index > 0 {
            to.push(b',');
        }
        to.extend_from_slice(machine.as_bytes());
    }
    to.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        Feed::new(0xab, 1, Plants::All)
    }

    fn tell(feed: &Feed) {
        feed.push(DateTime::default(), &Changes::default(), Topics { work: true, ..Topics::default() });
    }

    #[test]
    fn ids_are_read_back_and_nonsense_is_none() {
        let id = EventId { process: u64::MAX, feed: 7, number: 0x1f };
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
        for nonsense in ["", "1-2", "1-2-3-4", "x-1-1", "-1-1", "1-2-", "99999999999999999-1-1", "1-1-1\n"] {
            assert_eq!(EventId::parse(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn what_is_kept_is_followed_and_what_is_gone_is_said_to_be() {
        let feed = feed();
        assert!(matches!(feed.after(0), Following::Nothing));
        for _ in 0..FRAMES_MAX + 10 {
            tell(&feed);
        }
        let newest = (FRAMES_MAX + 10) as u64;
        assert!(matches!(feed.after(newest), Following::Nothing));
        let Following::Frame(last) = feed.after(newest - 1) else { panic!("the newest frame is there") };
        assert!(last.starts_with(format!("id: ab-1-{newest:x}\nevent: changed\ndata: ").as_bytes()), "{last:?}");
        assert!(matches!(feed.after(10), Following::Frame(_)));
        assert!(matches!(feed.after(9), Following::Gone));
    }

    #[test]
    fn a_board_says_when_it_is_sent_however_long_nothing_has_changed() {
        let feed = feed();
        let sent = |at: &str| feed.board(at.parse().unwrap(), std::iter::empty());
        let first = sent("2026-03-11T12:00:00Z");
        assert_eq!(sent("2026-03-11T12:00:00.4Z"), first, "it is made once for those who come together");
        let (number, later) = sent("2026-03-11T13:00:00Z");
        assert_eq!(number, 0);
        assert!(String::from_utf8_lossy(&later).contains("\"at\":\"2026-03-11T13:00:00Z\""), "{later:?}");
    }

    #[test]
    fn only_an_id_of_this_feed_that_is_still_kept_is_a_position() {
        let feed = feed();
        tell(&feed);
        let id = |process, feed, number| EventId { process, feed, number };
        assert_eq!(feed.position(id(0xab, 1, 0)), Some(0));
        assert_eq!(feed.position(id(0xab, 1, 1)), Some(1));
        assert_eq!(feed.position(id(0xab, 1, 2)), None, "not told yet");
        assert_eq!(feed.position(id(0xab, 2, 1)), None, "of other plants");
        assert_eq!(feed.position(id(0xac, 1, 1)), None, "of another process");
        for _ in 0..FRAMES_MAX {
            tell(&feed);
        }
        assert_eq!(feed.position(id(0xab, 1, 0)), None, "long gone");
        assert_eq!(feed.position(id(0xab, 1, 1)), Some(1));
    }
}
