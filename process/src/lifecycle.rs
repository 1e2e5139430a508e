//! How a process stops: one way, whatever asked for it.
//!
//! SIGTERM, SIGINT or the end of any task that should not end cancel [`Lifecycle::stopping`]; tasks finish what they hold
//! and return. A second signal, or [`GRACE`], ends the wait. Signals are listened to once, from the very beginning: one
//! that comes while the process still starts is not lost, and interrupts the start; so does a task that fails meanwhile.
//! systemd hears `READY`, `STOPPING` and, when it asked for it, the watchdog's beat; where there is no systemd these are
//! nothing.

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
    at_once: CancellationToken,
    failures: mpsc::UnboundedReceiver<String>,
}

impl Lifecycle {
    /// Listens to signals from here on: the first thing a process does.
    #[must_use]
    pub fn start() -> (Lifecycle, Supervisor) {
        let StopSignals { stop: stopping, at_once } = StopSignals::listen();
        let (failures, failed) = mpsc::unbounded_channel();
        let reload = watch::Sender::new(0);
        reload_on_hangup(&reload);
        let lifecycle = Lifecycle { stopping, tracker: TaskTracker::new(), failures, reload };
        (lifecycle.clone(), Supervisor { lifecycle, at_once, failures: failed })
    }

    /// Cancelled when the process is to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Changes when SIGHUP asks to read the configuration again; has changed already where it asked before.
    #[must_use]
    pub fn reload(&self) -> watch::Receiver<u64> {
        let mut asked = self.reload.subscribe();
        if *asked.borrow() > 0 {
            asked.mark_changed();
        }
        asked
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
        let mut failed = false;
        let started = tokio::select! {
            started = start => started.map(|()| true),
            () = stopping.cancelled() => Ok(false),
            // What the start waits for may be what the failed task was to do.
            Some(failure) = self.failures.recv() => {
                tracing::error!(failure, "stopping before everything has started");
                failed = true;
                Ok(false)
            }
        };
        if matches!(started, Ok(true)) {
            failed = self.until_stopping().await;
        }
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
        }
    }
}

/// Listens from here on: without a listener, the system's answer to SIGHUP is to kill the process.
fn reload_on_hangup(reload: &watch::Sender<u64>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let reload = reload.clone();
        match signal(SignalKind::hangup()) {
            Ok(mut hangup) => drop(tokio::spawn(async move {
                while hangup.recv().await.is_some() {
                    tracing::info!("asked to read the configuration again");
                    reload.send_modify(|generation| *generation += 1);
                }
            })),
            Err(error) => tracing::error!(%error, "cannot listen to SIGHUP: restart to read the configuration again"),
        }
    }
    #[cfg(not(unix))]
    let _ = reload;
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

/// Windows asks in four ways: two keys, a window that is closed, a computer that is shut down.
#[cfg(windows)]
struct Signals(Option<Asked>);

#[cfg(windows)]
struct Asked {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn listen() -> Signals {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        let asked = || -> std::io::Result<Asked> {
            Ok(Asked { ctrl_c: ctrl_c()?, ctrl_break: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
        };
        Signals(asked().inspect_err(|error| tracing::error!(%error, "cannot listen to Ctrl-C: end the process")).ok())
    }

    async fn next(&mut self) {
        let Some(asked) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = asked.ctrl_c.recv() => {}
            _ = asked.ctrl_break.recv() => {}
            _ = asked.close.recv() => {}
            _ = asked.shutdown.recv() => {}
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
