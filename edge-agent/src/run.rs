//! The running agent: what is started, in which order, and in which order it stops.
//!
//! Started: identity, log, clock, board, capture, sources, uplink, status page, station. Stopped the other way round as far
//! as data flows: sources first, then the station, which takes what their scanners still have in hand, then capture stores
//! what both had submitted, then the uplink sends what it can in two seconds, then the log is closed. What was not sent is
//! sent after the next start.
//!
//! An unreachable machine, a missing serial port or a taken port never ends the agent: it runs with the rest and says so.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use process::clock::{Clock, SystemClock};
use process::lifecycle::Lifecycle;
use protocol::time::UtcMicros;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::buffer::configuration::BufferSection;
use crate::buffer::{Buffer, Opened, Opening, system_boot_id};
use crate::capture::{self, CaptureSender, Surroundings};
use crate::clock::ClockTrust;
use crate::configuration::Configuration;
use crate::identity::Identity;
use crate::signals::LiveView;
use crate::signals::configuration::MachineSection;
use crate::sources::SourceContext;
use crate::station::{self, ScanReceiver, ScanSender};
use crate::status::endpoint::{self, Served};
use crate::status::{StatusBoard, Subject};
use crate::uplink::{Uplink, View};

mod reload;
pub mod replay;
mod sources;

use reload::Reloading;
use sources::{House, RunningSources};

/// How long sources have to let go of their connections.
const SOURCES_STOP: Duration = Duration::from_secs(5);

/// Runs until the process is asked to stop.
pub async fn run(file: PathBuf) -> anyhow::Result<ExitCode> {
    let (lifecycle, supervisor) = Lifecycle::start();
    supervisor
        .run(async {
            let (agent, reloading) = Agent::assemble(file)?;
            lifecycle.spawn("the agent", agent.live(reloading, lifecycle.clone()));
            Ok(())
        })
        .await
}

/// Everything that lives as long as the process.
struct Agent {
    configuration: Configuration,
    identity: Arc<Identity>,
    buffer: Buffer,
    clock: Arc<dyn Clock>,
    trust: ClockTrust,
    live: LiveView,
    board: StatusBoard,
    started_at: UtcMicros,
}

impl Agent {
    /// Everything that can keep the agent from starting, before anything is started.
    fn assemble(file: PathBuf) -> anyhow::Result<(Agent, Reloading)> {
        let board = StatusBoard::new(Arc::new(SystemClock::new(0)));
        let status = board.subject("configuration", "configuration");
        let (reloading, configuration) = Reloading::start(file.clone(), status)?;
        let data_dir = &configuration.agent.data_dir;
        let Some(identity) = Identity::read(data_dir)? else {
            bail!(
                "this agent is not enrolled: {} holds no identity. Make a code on central with `central agent invite NAME`, \
                 then run `edge-agent enroll CODE --config {}`",
                data_dir.display(),
                file.display()
            );
        };
        let (buffer, opened) = open_buffer(&configuration, board.subject("buffer", "buffer"))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(opened.boot));
        tracing::info!(
            agent = %identity.name,
            plant = %identity.plant,
            central = identity.address,
            starts = opened.instance.starts,
            boot = opened.boot,
            version = env!("CARGO_PKG_VERSION"),
            "starting"
        );
        let started_at = clock.wall();
        let identity = Arc::new(identity);
        let (trust, live) = (ClockTrust::default(), LiveView::default());
        let agent = Agent { configuration, identity, buffer, clock, trust, live, board, started_at };
        Ok((agent, reloading))
    }
}

impl Agent {
    async fn live(self, reloading: Reloading, lifecycle: Lifecycle) -> anyhow::Result<()> {
        let stopping = lifecycle.stopping();
        let (machines, machines_changed) = watch::channel(self.machines(&self.configuration).await);
        let (submitting, submissions) = CaptureSender::channel();
        let mut capturing = tokio::spawn(capture::run(submissions, self.capture(machines_changed.clone())));
        let station_stopping = CancellationToken::new();
        let entering = submitting.clone();
        let (scanning, scans) = ScanSender::channel();
        let mut sources = self.sources(submitting, scanning);
        sources.follow(&self.configuration).await;
        let uplink_stopping = CancellationToken::new();
        let (view, uplink) = self.uplink().start(uplink_stopping.clone())?;
        let mut uplink = tokio::spawn(uplink);
        let page = self.serve_status(view.clone(), &stopping);
        let station = self.serve_station(view, entering, scans, machines_changed, &station_stopping);

        let failed = tokio::select! {
            () = self.follow_configuration(reloading, &lifecycle, &machines, &mut sources) => Ok(()),
            ended = &mut capturing => ended_early("capture", ended.map(|ended| ended.map_err(Into::into))),
            ended = &mut uplink => ended_early("the uplink", ended),
        };

        sources.stop_all(SOURCES_STOP).await;
        drop(sources);
        station_stopping.cancel();
        end_station(station).await;
        if failed.is_ok() {
            capturing.await.context("capture")?.context("capture")?;
            uplink_stopping.cancel();
            uplink.await.context("the uplink")?.context("the uplink")?;
        }
        self.buffer.close().await;
        page.abort();
        failed
    }

    /// Until the process is to stop.
    async fn follow_configuration(
        &self,
        mut reloading: Reloading,
        lifecycle: &Lifecycle,
        machines: &watch::Sender<Arc<[MachineSection]>>,
        sources: &mut RunningSources,
    ) {
        let stopping = lifecycle.stopping();
        let mut asked = lifecycle.reload();
        let mut maintained = self.buffer.master_data_changed();
        let mut configuration = self.configuration.clone();
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                read = reloading.next(&mut asked, &self.configuration) => configuration = read,
                Ok(()) = maintained.changed() => {}
            }
            let wanted = self.machines(&configuration).await;
            // Machines first: a source that starts finds its signals known.
            machines.send_if_modified(|machines| {
                let changed = *machines != wanted;
                *machines = wanted;
                changed
            });
            sources.follow(&configuration).await;
        }
    }

    /// The machines as the file and central's master data have them.
    async fn machines(&self, configuration: &Configuration) -> Arc<[MachineSection]> {
        let maintained = match self.buffer.master_data().await {
            Ok((_, master_data)) => master_data.map(|it| it.machines).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "master data cannot be read: machines are as the file has them");
                Vec::new()
            }
        };
        configuration.effective_machines(&maintained)
    }

    fn capture(&self, machines: watch::Receiver<Arc<[MachineSection]>>) -> Surroundings {
        Surroundings {
            buffer: self.buffer.clone(),
            clock: Arc::clone(&self.clock),
            trust: self.trust.clone(),
            status: self.board.subject("capture", "capture"),
            live: self.live.clone(),
            machines,
        }
    }

    fn sources(&self, capture: CaptureSender, scanning: ScanSender) -> RunningSources {
        let context = SourceContext {
            capture,
            status: self.board.subject("capture", "capture"),
            clock: Arc::clone(&self.clock),
            stopping: CancellationToken::new(),
        };
        let house = House {
            buffer: self.buffer.clone(),
            data_dir: self.configuration.agent.data_dir.clone(),
            station: self.configuration.agent.station.clone(),
            desk: self.configuration.station.enabled.then_some(scanning),
            live: self.live.clone(),
        };
        RunningSources::new(context, house, self.board.clone())
    }

    fn uplink(&self) -> Uplink {
        Uplink {
            section: self.configuration.uplink.clone(),
            identity: Arc::clone(&self.identity),
            host: host_name(),
            started_at: self.started_at,
            buffer: self.buffer.clone(),
            clock: Arc::clone(&self.clock),
            trust: self.trust.clone(),
            live: self.live.clone(),
            board: self.board.clone(),
            seed: rand::random(),
        }
    }

    fn serve_station(
        &self,
        central: View,
        capture: CaptureSender,
        scans: ScanReceiver,
        machines: watch::Receiver<Arc<[MachineSection]>>,
        stopping: &CancellationToken,
    ) -> JoinHandle<anyhow::Result<()>> {
        let surroundings = station::Surroundings {
            section: self.configuration.station.clone(),
            station: self.configuration.agent.station.clone(),
            plant: self.identity.plant.clone(),
            buffer: self.buffer.clone(),
            clock: Arc::clone(&self.clock),
            trust: self.trust.clone(),
            live: self.live.clone(),
            machines,
            board: self.board.clone(),
            central,
        };
        if !surroundings.section.enabled {
            return tokio::spawn(async { Ok(()) });
        }
        let subject = self.board.subject("station", "station");
        tokio::spawn(station::serve(surroundings, capture, scans, subject, stopping.clone()))
    }

    fn serve_status(&self, central: View, stopping: &CancellationToken) -> JoinHandle<()> {
        let served = Served {
            identity: Arc::clone(&self.identity),
            started_at: self.started_at,
            clock: Arc::clone(&self.clock),
            trust: self.trust.clone(),
            board: self.board.clone(),
            buffer: self.buffer.clone(),
            live: self.live.clone(),
            central,
        };
        let subject: Subject = self.board.subject("status", "status");
        tokio::spawn(endpoint::serve(self.configuration.status.listen, served, subject, stopping.clone()))
    }
}

/// What it was storing is stored, unless the disk does not take it.
async fn end_station(mut station: JoinHandle<anyhow::Result<()>>) {
    match tokio::time::timeout(SOURCES_STOP, &mut station).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::error!("the station: {error:#}"),
        Ok(Err(panic)) => tracing::error!("the station: {panic}"),
        Err(_) => station.abort(),
    }
}

fn ended_early(what: &str, ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    match ended {
        Ok(Ok(())) => bail!("{what} ended by itself"),
        Ok(Err(error)) => Err(error.context(what.to_owned())),
        Err(panic) => bail!("{what}: {panic}"),
    }
}

fn open_buffer(configuration: &Configuration, status: Subject) -> anyhow::Result<(Buffer, Opened)> {
    open_log(&configuration.agent.data_dir, &configuration.buffer, status)
}

fn open_log(data_dir: &Path, section: &BufferSection, status: Subject) -> anyhow::Result<(Buffer, Opened)> {
    let opening = Opening {
        data_dir,
        section,
        clock: Arc::new(SystemClock::new(0)),
        boot_id: system_boot_id(),
        instance_id: rand::random(),
        status,
    };
    Ok(Buffer::open(opening)?)
}

/// How many events of a stopped agent wait to be sent. Fails while an agent runs there.
pub async fn waiting_events(data_dir: &Path, section: &BufferSection) -> anyhow::Result<u64> {
    let board = StatusBoard::new(Arc::new(SystemClock::new(0)));
    let (buffer, _) = open_log(data_dir, section, board.subject("buffer", "buffer"))?;
    let position = buffer.position().await?;
    buffer.close().await;
    Ok(position.newest.0 - position.acknowledged.0)
}

/// What this computer calls itself.
#[must_use]
pub fn host_name() -> String {
    #[cfg(unix)]
    if let Ok(name) = nix::unistd::gethostname() {
        return name.to_string_lossy().into_owned();
    }
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".to_owned())
}

#[cfg(test)]
mod tests;
