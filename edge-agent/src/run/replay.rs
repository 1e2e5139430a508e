//! The agent with a recording in place of its sources: the same log, capture and uplink, until everything is stored and
//! acknowledged by central.
//!
//! The log belongs to one process at a time: while `edge-agent run` has it, a replay is refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use process::clock::{Clock, SystemClock};
use protocol::id::Seq;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{host_name, open_buffer};
use crate::buffer::{Buffer, BufferError};
use crate::capture::{self, CaptureSender, Surroundings};
use crate::clock::ClockTrust;
use crate::configuration::Configuration;
use crate::identity::Identity;
use crate::signals::LiveView;
use crate::sources::SourceContext;
use crate::sources::replay::{self, Progress, Replay, Summary};
use crate::status::StatusBoard;
use crate::uplink::Uplink;

/// How often the log is asked whether central has acknowledged everything.
const LOOK: Duration = Duration::from_millis(200);

/// What to replay, and what to do with it.
#[derive(Debug, Clone)]
pub struct Request {
    pub recording: PathBuf,
    pub speed: Option<f64>,
    pub strict: bool,
    pub sync: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    pub summary: Summary,
    /// Events that this run stored.
    pub events: u64,
    pub sync: Sync,
}

/// What central has of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Everything is acknowledged.
    Complete,
    NotAsked,
    NotEnrolled,
    /// Asked to stop before; so many events are still to be sent.
    Stopped {
        unsent: u64,
    },
}

/// Replays until everything is stored and, where asked for and enrolled, acknowledged; or until `stopping` is cancelled.
pub async fn replay(
    configuration: Configuration,
    request: Request,
    progress: &watch::Sender<Progress>,
    stopping: CancellationToken,
) -> anyhow::Result<Replayed> {
    let identity = Identity::read(&configuration.agent.data_dir)?;
    let board = StatusBoard::new(Arc::new(SystemClock::new(0)));
    let (buffer, opened) = open_buffer(&configuration, board.subject("buffer", "buffer"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(opened.boot));
    let station =
        Station { configuration, board, buffer, clock, trust: ClockTrust::default(), live: LiveView::default() };

    let uplink_stopping = CancellationToken::new();
    let (mut uplink, sync) = match identity {
        _ if !request.sync => (None, Sync::NotAsked),
        None => (None, Sync::NotEnrolled),
        Some(identity) => (Some(station.start_uplink(identity, &uplink_stopping)?), Sync::Complete),
    };
    let newest_before = station.buffer.position().await?.newest;
    let summary = station.feed(request, progress, &stopping).await?;
    let newest = station.buffer.position().await?.newest;
    let sync = match &mut uplink {
        None => sync,
        Some(uplink) => station.until_acknowledged(newest, uplink, progress, &stopping).await?,
    };
    uplink_stopping.cancel();
    if let Some(uplink) = uplink.filter(|uplink| !uplink.is_finished()) {
        uplink.await.context("uplink")??;
    }
    station.buffer.close().await;
    Ok(Replayed { summary, events: newest.0 - newest_before.0, sync })
}

/// What the parts of a replay share.
struct Station {
    configuration: Configuration,
    board: StatusBoard,
    buffer: Buffer,
    clock: Arc<dyn Clock>,
    trust: ClockTrust,
    live: LiveView,
}

impl Station {
    fn start_uplink(
        &self,
        identity: Identity,
        stopping: &CancellationToken,
    ) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
        let uplink = Uplink {
            section: self.configuration.uplink.clone(),
            identity: Arc::new(identity),
            host: host_name(),
            started_at: self.clock.wall(),
            buffer: self.buffer.clone(),
            clock: Arc::clone(&self.clock),
            trust: self.trust.clone(),
            live: self.live.clone(),
            board: self.board.clone(),
            seed: rand::random(),
        };
        let (_, running) = uplink.start(stopping.clone())?;
        Ok(tokio::spawn(running))
    }

    /// Feeds the recording; everything that was taken from it is stored when this returns.
    async fn feed(
        &self,
        request: Request,
        progress: &watch::Sender<Progress>,
        stopping: &CancellationToken,
    ) -> anyhow::Result<Summary> {
        let (capture, submissions) = CaptureSender::channel();
        let machines = self.configuration.machines.clone();
        let (_configured, followed) = watch::channel(machines.clone().into());
        let surroundings = Surroundings {
            buffer: self.buffer.clone(),
            clock: Arc::clone(&self.clock),
            trust: self.trust.clone(),
            status: self.board.subject("capture", "capture"),
            live: self.live.clone(),
            machines: followed,
        };
        let states = self.buffer.states().await?;
        let engine = capture::Capture::restore(surroundings).await?;
        let capturing: JoinHandle<Result<(), BufferError>> = tokio::spawn(engine.run(submissions));
        let context = SourceContext {
            capture,
            status: self.board.subject("replay", "replay"),
            clock: Arc::clone(&self.clock),
            stopping: stopping.clone(),
        };
        let Request { recording: file, speed, strict, .. } = request;
        let replay = Replay { file, speed, strict, machines };
        let fed = replay::run(replay, &context, &states, &self.live, progress).await;
        drop(context);
        capturing.await.context("capture")??;
        Ok(fed?)
    }

    async fn until_acknowledged(
        &self,
        newest: Seq,
        uplink: &mut JoinHandle<anyhow::Result<()>>,
        progress: &watch::Sender<Progress>,
        stopping: &CancellationToken,
    ) -> anyhow::Result<Sync> {
        loop {
            let position = self.buffer.position().await?;
            if position.acknowledged >= newest {
                progress.send_modify(|progress| progress.unsent = Some(0));
                return Ok(Sync::Complete);
            }
            let unsent = position.backlog_events;
            progress.send_modify(|progress| progress.unsent = Some(unsent));
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stopping.cancelled() => return Ok(Sync::Stopped { unsent }),
                ended = &mut *uplink => match ended.context("uplink")? {
                    Ok(()) => bail!("the uplink ended by itself"),
                    Err(error) => return Err(error.context("uplink")),
                },
            }
        }
    }
}
