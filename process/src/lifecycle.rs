//! How a process stops: one way, whatever asked for it.
//!
//! SIGTERM, SIGINT or the end of any task that should not end cancel [`Lifecycle::stopping`]; tasks finish what they hold
//! and return. A second signal, or [`GRACE`], ends the wait. Signals are listened to once, from the very beginning: one
//! that comes while the process still starts is not lost, and interrupts the start; SIGHUP, which asks to read the
//! configuration again, waits until it has started. systemd hears `READY`, `RELOADING`,
//! `STOPPING` and, when it asked for it, the watchdog's beat; where there is no systemd these are nothing.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks have to finish once the process is asked to stop.
pub const GRACE: Duration = Duration::from_secs(20);

/// What SIGTERM and SIGINT (Ctrl-C where there are no signals) ask for.
#[derive(Debug, Clone)]
pub struct StopSignals {
    /// Cancelled by the first one.
    pub stop: CancellationToken,
    /// Cancelled by the second one: not to wait any longer.
    pub at_once: CancellationToken,
}

impl StopSignals {
    /// Listens from here on. Called within a runtime, once in a process, before anything that takes time.
    #[must_use]
    pub fn listen() -> StopSignals {
        let heard = StopSignals { stop: CancellationToken::new(), at_once: CancellationToken::new() };
        let mut signals = Signals::listen();
        let StopSignals { stop, at_once } = heard.clone();
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("asked to stop");
            stop.cancel();
            signals.next().await;
            tracing::warn!("asked to stop again: not waiting any longer");
            at_once.cancel();
        });
        heard
    }
}

#[derive(Debug, Clone)]
pub struct Lifecycle {
    stopping: CancellationToken,
    tracker: TaskTracker,
    failures: mpsc::UnboundedSender<String>,
    reload: watch::Sender<u64>,
}

/// Held by `main`; what [`Lifecycle::start`] returns beside the handle that everybody else clones.
#[derive(Debug)]
pub struct Supervisor {
    lifecycle: Lifecycle,
    hangups: Hangups,
    at_once: CancellationToken,
    failures: mpsc::UnboundedReceiver<String>,
}

impl Lifecycle {
    /// Listens to signals from here on: the first thing a process does.
    #[must_use]
    pub fn start() -> (Lifecycle, Supervisor) {
        let StopSignals { stop: stopping, at_once } = StopSignals::listen();
        // Nobody is asked to read anything again while all of it is read for the first time; unheard, it would be the end.
        let hangups = Hangups::listen();
        let (failures, failed) = mpsc::unbounded_channel();
        let lifecycle = Lifecycle { stopping, tracker: TaskTracker::new(), failures, reload: watch::Sender::new(0) };
        (lifecycle.clone(), Supervisor { lifecycle, hangups, at_once, failures: failed })
    }

    /// Cancelled when the process is to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Changes when SIGHUP asks to read the configuration again.
    #[must_use]
    pub fn reload(&self) -> watch::Receiver<u64> {
        self.reload.subscribe()
    }

    /// Asks the process to stop, with success.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Runs `task` until the process stops. If it ends before, with or without an error, the process stops and fails.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let lifecycle = self.clone();
        self.tracker.spawn(async move {
            let ended = tokio::spawn(task).await;
            let failure = match ended {
                Ok(Ok(())) if lifecycle.stopping.is_cancelled() => return,
                Ok(Ok(())) => format!("{name} ended by itself"),
                Ok(Err(error)) => format!("{name}: {error:#}"),
                Err(panic) => format!("{name}: {panic}"),
            };
            let _ = lifecycle.failures.send(failure);
        });
    }
}

impl Supervisor {
    /// Starts what `start` starts, tells systemd, waits until the process is to stop, stops it. What had been started is
    /// stopped the same way when the rest fails to start, or is interrupted.
    pub async fn run(mut self, start: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
        let watchdog = tokio::spawn(watchdog());
        let stopping = self.lifecycle.stopping.clone();
        let started = tokio::select! {
            started = start => started,
            () = stopping.cancelled() => Ok(()),
        };
        let failed = started.is_ok() && self.until_stopping().await;
        notify(Notice::Stopping);
        self.lifecycle.stopping.cancel();
        self.lifecycle.tracker.close();
        let cut_short = tokio::select! {
            () = self.lifecycle.tracker.wait() => false,
            () = self.at_once.cancelled() => true,
            () = tokio::time::sleep(GRACE) => {
                tracing::warn!(grace_s = GRACE.as_secs(), "tasks did not finish in time");
                true
            }
        };
        watchdog.abort();
        let mut failed_late = false;
        while let Ok(failure) = self.failures.try_recv() {
            tracing::error!(failure, "while stopping");
            failed_late = true;
        }
        started?;
        Ok(if failed || failed_late || cut_short { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Whether it stops because a task failed.
    async fn until_stopping(&mut self) -> bool {
        notify(Notice::Ready);
        tokio::select! {
            () = self.lifecycle.stopping.cancelled() => false,
            Some(failure) = self.failures.recv() => { tracing::error!(failure, "stopping"); true }
            () = reload_on_hangup(&mut self.hangups, &self.lifecycle.reload) => unreachable!("the loop does not end"),
        }
    }
}

async fn reload_on_hangup(hangups: &mut Hangups, reload: &watch::Sender<u64>) {
    loop {
        hangups.next().await;
        tracing::info!("asked to read the configuration again");
        reload.send_modify(|generation| *generation += 1);
    }
}

/// SIGHUP, listened to from the moment this is made. Where there is none, nothing is ever heard.
#[derive(Debug)]
struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    #[cfg(unix)]
    fn listen() -> Hangups {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup());
        if let Err(error) = &signal {
            tracing::error!(%error, "cannot listen to SIGHUP");
        }
        Hangups { signal: signal.ok() }
    }

    #[cfg(not(unix))]
    fn listen() -> Hangups {
        Hangups {}
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Listens to both from the moment it is made.
#[cfg(unix)]
struct Signals(Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    fn listen() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => Signals(Some((terminate, interrupt))),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "cannot listen to signals: stop the process with SIGKILL");
                Signals(None)
            }
        }
    }

    async fn next(&mut self) {
        let Some((terminate, interrupt)) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Signals {
        Signals
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Notice {
    Ready,
    Stopping,
    #[cfg(target_os = "linux")]
    Watchdog,
}

#[cfg(target_os = "linux")]
fn notify(notice: Notice) {
    let state = match notice {
        Notice::Ready => sd_notify::NotifyState::Ready,
        Notice::Stopping => sd_notify::NotifyState::Stopping,
        Notice::Watchdog => sd_notify::NotifyState::Watchdog,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, ?notice, "systemd was not told");
    }
}

#[cfg(not(target_os = "linux"))]
fn notify(_notice: Notice) {}

/// Beats at half the interval systemd asked for, from the same runtime that does the work: a runtime that hangs is
/// restarted.
async fn watchdog() {
    #[cfg(target_os = "linux")]
    if let Some(interval) = sd_notify::watchdog_enabled() {
        let mut beat = tokio::time::interval(interval / 2);
        loop {
            beat.tick().await;
            notify(Notice::Watchdog);
        }
    }
}
