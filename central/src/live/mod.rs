//! Live updates: from NOTIFY to the browsers that look.
//!
//! One [`listen`]er per process hears that something changed, [`refresh`] looks what, in one short read-only transaction,
//! and [`Hub::publish`] turns it into frames that are made once for each set of plants and shared by every browser that
//! may see it ([`feed`], [`stream`]). Nothing here writes to the database, and nothing that is notified is trusted: it
//! only says to look again. A notification that is lost, or a listener that was cut off, costs at most [`refresh::POLL`].
//!
//! A frame has an id `process-feed-number`. A browser that comes back with the id of its last one is sent exactly what it
//! missed, if this process still has it; otherwise the whole board. A browser that reads too slowly holds no queue here:
//! it holds a number, and when the frames after that are gone it starts anew with the board.

pub mod feed;
pub mod listen;
pub mod metrics;
pub mod refresh;
pub mod routes;
pub mod stream;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use process::clock::Clock;
use tokio::sync::Semaphore;

use self::feed::{EventId, Feed};
use self::metrics::Counters;
use self::refresh::Signal;
use self::stream::LiveStream;
use crate::auth::Plants;
use crate::machines::board::{Board, BoardMachine};

/// Streams of one process. Each costs a connection and a few kilobytes.
pub const STREAMS_MAX: usize = 1_000;
/// How often a stream says that it lives.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(10);
/// How many heartbeats a feed that nobody follows is kept for those who come back.
const FEED_KEPT_BEATS: u32 = 12;
/// Feeds that nobody follows.
const FEEDS_IDLE_MAX: usize = 32;

/// What other pages may want to look at again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Topics {
    pub agents: bool,
    pub work: bool,
    pub master_data: bool,
    pub stops: bool,
}

impl Topics {
    /// From the words of a notification. They are hints: others than these are passed over.
    #[must_use]
    pub fn of_words(text: &str) -> Topics {
        let mut topics = Topics::default();
        for word in text.split([' ', ',']) {
            match word {
                "agents" => topics.agents = true,
                "work" => topics.work = true,
                "master_data" => topics.master_data = true,
                "stops" => topics.stops = true,
                _ => {}
            }
        }
        topics
    }

    #[must_use]
    pub fn and(self, other: Topics) -> Topics {
        Topics {
            agents: self.agents || other.agents,
            work: self.work || other.work,
            master_data: self.master_data || other.master_data,
            stops: self.stops || other.stops,
        }
    }

    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let all =
            [(self.agents, "agents"), (self.work, "work"), (self.master_data, "master_data"), (self.stops, "stops")];
        all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect()
    }
}

/// Why there is no stream or board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the board is not read yet; try again in a moment")]
    NotRead,
    #[error("{STREAMS_MAX} browsers follow this central already; close some, or try again")]
    Full,
    #[error("central is stopping; come back in a moment")]
    Stopping,
}

/// What this process knows and whom it tells.
#[derive(Debug)]
pub struct Hub {
    clock: Arc<dyn Clock>,
    /// Random: the ids of another process, or of this one before it was started again, are not ours.
    process: u64,
    state: Mutex<State>,
    places: Arc<Semaphore>,
    pub counters: Counters,
    pub signal: Signal,
}

#[derive(Debug, Default)]
struct State {
    board: Board,
    /// Counts what changed; 0 until the board was read.
    version: u64,
    feeds: Vec<Arc<Feed>>,
    feeds_made: u64,
    stopping: bool,
}

/// Part of a board, as text.
#[derive(Debug)]
pub struct Answer {
    pub json: Bytes,
    /// The same for as long as nothing on it changed.
    pub tag: String,
}

impl Hub {
    /// `process` is a random number.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, process: u64) -> Arc<Hub> {
        Arc::new(Hub {
            clock,
            process,
            state: Mutex::default(),
            places: Arc::new(Semaphore::new(STREAMS_MAX)),
            counters: Counters::default(),
            signal: Signal::default(),
        })
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.clock.wall().0).unwrap_or_default()
    }

    #[must_use]
    pub fn streams(&self) -> usize {
        STREAMS_MAX - self.places.available_permits()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How machines stand now: whoever may see it is told what changed.
    pub fn publish(&self, rows: Vec<BoardMachine>, topics: Topics) {
        let at = self.now();
        let mut state = self.state();
        let changes = state.board.advance(rows, at);
        if !changes.is_empty() || state.version == 0 {
            state.version += 1;
        }
        for feed in &state.feeds {
            let frames = feed.push(at, &changes, topics);
            self.counters.framed(frames);
        }
    }

    /// Tells every stream that it lives, and forgets feeds that nobody came back to.
    pub fn beat(&self) {
        let at = self.now();
        let mut state = self.state();
        for feed in &state.feeds {
            feed.beat(at);
        }
        let mut idle = 0;
        state.feeds.retain(|feed| {
            let beats = feed.idle_beats();
            idle += usize::from(beats > 0);
            beats == 0 || (beats < FEED_KEPT_BEATS && idle <= FEEDS_IDLE_MAX)
        });
    }

    /// Ends every stream; there are no new ones.
    pub fn close(&self) {
        let mut state = self.state();
        state.stopping = true;
        for feed in state.feeds.drain(..) {
            feed.close();
        }
    }

    /// What a browser follows that may see these plants and last saw the frame of this id.
    pub fn follow(self: &Arc<Hub>, plants: &Plants, last: Option<&str>) -> Result<LiveStream, Refused> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refused::Full)?;
        let mut state = self.state();
        if state.stopping {
            return Err(Refused::Stopping);
        }
        if state.version == 0 {
            return Err(Refused::NotRead);
        }
        let known = state.feeds.iter().find(|feed| feed.plants == *plants).cloned();
        let feed = known.unwrap_or_else(|| {
            state.feeds_made += 1;
            let feed = Arc::new(Feed::new(self.process, state.feeds_made, plants.clone()));
            state.feeds.push(feed.clone());
            feed
        });
        let resumed = last.and_then(EventId::parse).and_then(|id| feed.position(id));
        self.counters.followed(resumed.is_some());
        Ok(LiveStream::new(self.clone(), feed, resumed, place))
    }

    /// The whole board as the first frame of a feed, and the number it stands for.
    fn board_frame(&self, feed: &Feed) -> (u64, Bytes) {
        let state = self.state();
        feed.board(self.now(), state.board.machines())
    }

    /// The board, or one plant or line of it.
    pub fn board(&self, plants: &Plants, plant: Option<&str>, line: Option<&str>) -> Result<Answer, Refused> {
        let at = self.now();
        let state = self.state();
        if state.version == 0 {
            return Err(Refused::NotRead);
        }
        let wanted = state.board.machines().filter(|told| {
            let machine = &told.machine;
            plants.contain(machine.plant_id)
                && plant.is_none_or(|plant| plant == machine.plant)
                && line.is_none_or(|line| machine.line.as_deref() == Some(line))
        });
        let mut json = Vec::with_capacity(64 * 1024);
        feed::write_machines(&mut json, at, wanted.map(|told| &*told.json));
        let mut hasher = DefaultHasher::new();
        (plants.ids(), plant, line).hash(&mut hasher);
        let tag = format!("W/\"{:x}-{}-{:x}\"", self.process, state.version, hasher.finish());
        Ok(Answer { json: json.into(), tag })
    }
}
