//! How a process stops: one way, whatever asked for it.
//!
//! SIGTERM, SIGINT or the end of any task that should not end cancel [`Lifecycle::stopping`]; tasks finish what they hold
//! and return. A second signal, or [`GRACE`], ends the wait. systemd hears `READY`, `RELOADING`, `STOPPING` and, when it
//! asked for it, the watchdog's beat; where there is no systemd these are nothing.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks have to finish once the process is asked to stop.
pub const GRACE: Duration = Duration::from_secs(20);

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
    failures: mpsc::UnboundedReceiver<String>,
}

impl Lifecycle {
    #[must_use]
    pub fn start() -> (Lifecycle, Supervisor) {
        let (failures, failed) = mpsc::unbounded_channel();
        let lifecycle = Lifecycle {
            stopping: CancellationToken::new(),
            tracker: TaskTracker::new(),
            failures,
            reload: watch::Sender::new(0),
        };
        (lifecycle.clone(), Supervisor { lifecycle, failures: failed })
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
    /// Tells systemd that the process is ready, waits until it is to stop, stops it.
    pub async fn run(mut self) -> ExitCode {
        notify(Notice::Ready);
        let watchdog = tokio::spawn(watchdog());
        let failed = tokio::select! {
            () = self.lifecycle.stopping.cancelled() => false,
            () = stop_signal() => { tracing::info!("asked to stop"); false }
            Some(failure) = self.failures.recv() => { tracing::error!(failure, "stopping"); true }
            () = reload_on_hangup(&self.lifecycle.reload) => unreachable!("the loop does not end"),
        };
        notify(Notice::Stopping);
        self.lifecycle.stopping.cancel();
        self.lifecycle.tracker.close();
        let cut_short = tokio::select! {
            () = self.lifecycle.tracker.wait() => false,
            () = stop_signal() => { tracing::warn!("asked to stop again: not waiting any longer"); true }
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
        if failed || failed_late || cut_short { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

async fn reload_on_hangup(reload: &watch::Sender<u64>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut hangup) = signal(SignalKind::hangup()) {
            while hangup.recv().await.is_some() {
                tracing::info!("asked to read the configuration again");
                reload.send_modify(|generation| *generation += 1);
            }
        }
    }
    #[cfg(not(unix))]
    let _ = reload;
    std::future::pending::<()>().await;
}

/// Resolves at SIGINT or SIGTERM (Ctrl-C where there are no signals).
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("cannot listen to signals: stop the process with SIGKILL");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
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
