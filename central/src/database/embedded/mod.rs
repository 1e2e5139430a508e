//! The private PostgreSQL: where no database is configured, central makes a cluster under its data directory and runs it.
//!
//! - **One owner.** The process that holds the lock on `postgresql.lock` starts and stops the cluster; every other
//!   central process on the data directory is its guest and only connects.
//! - **No port.** It listens on a socket in a folder that only its account may enter, and asks the kernel who connects.
//! - **It ends after central.** An orderly stop ends it last, in fast mode. When central is killed it survives; the next
//!   owner stops it before it starts its own.
//! - **It comes back.** A postmaster that dies while central runs is started again; the pool reconnects.

pub mod account;
pub mod binaries;
pub mod cluster;
pub mod postmaster;

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::account::Account;
use self::binaries::Binaries;
use self::cluster::{DATABASE, Layout, PORT, ROLE};
use crate::configuration::PreloadLibrary;

/// How long a second `serve` waits for the first one to go.
const LOCK_WITHIN: Duration = Duration::from_secs(30);
/// How long a guest waits for an owner.
const OWNER_WITHIN: Duration = Duration::from_secs(300);
const RESTART_PAUSE_MIN: Duration = Duration::from_secs(1);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub bin_dir: Option<PathBuf>,
    pub preload: Vec<PreloadLibrary>,
}

/// Why a process opens the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To run it: waits for another owner to go, and fails if it does not.
    Serve,
    /// To ask or change something: uses the running cluster of another owner, else runs it for as long as it takes.
    Command,
    /// To work beside the owner, for long: waits for the cluster and never runs it, or the owner could not start.
    Guest,
}

/// A cluster that takes connections.
#[derive(Debug)]
pub struct Opened {
    pub options: PgConnectOptions,
    /// Present when this process is the owner.
    pub owner: Option<Owner>,
}

/// Opens the cluster, making it first if there is none.
pub async fn open(settings: &Settings, purpose: Purpose, stop: &CancellationToken) -> anyhow::Result<Opened> {
    std::fs::create_dir_all(&settings.data_dir)
        .with_context(|| format!("cannot make the data directory {}", settings.data_dir.display()))?;
    let data_dir = std::fs::canonicalize(&settings.data_dir)
        .with_context(|| format!("cannot use the data directory {}", settings.data_dir.display()))?;
    let layout = Layout::under(&data_dir);
    let options = options(&layout);
    if purpose == Purpose::Guest {
        wait_for_owner(&layout, stop).await?;
        return Ok(Opened { options, owner: None });
    }
    let Some(lock) = lock(&data_dir, &layout, purpose, stop).await? else {
        return Ok(Opened { options, owner: None });
    };
    let made_by = layout.made_by()?;
    let binaries = binaries::find(settings.bin_dir.as_deref(), made_by, &layout.data)?;
    let account = Account::for_cluster(&layout.data)?;
    let (for_making, with, run_as) = (layout.clone(), binaries.clone(), account.clone());
    tokio::task::spawn_blocking(move || cluster::make(&for_making, &with, &run_as)).await??;
    postmaster::clear_the_way(&layout.data).await?;
    cluster::tell(&layout, &account, &settings.preload)?;
    let child = postmaster::start(&layout, &binaries, &account, stop).await?;
    tracing::info!(%binaries, folder = %layout.root.display(), run_as = account.name, "the private PostgreSQL runs");
    let owner = Owner::watch(child, Program { layout, binaries, account }, lock);
    make_database(&options).await?;
    Ok(Opened { options, owner: Some(owner) })
}

fn options(layout: &Layout) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(&layout.sockets.to_string_lossy())
        .socket(&layout.sockets)
        .port(PORT)
        .username(ROLE)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
}

async fn make_database(options: &PgConnectOptions) -> anyhow::Result<()> {
    crate::database::store::ensure_database(&options.clone().database("postgres"))
        .await
        .context("cannot make the database in the private PostgreSQL")
}

/// Waits until the cluster runs: whoever owns it may be starting.
async fn wait_for_owner(layout: &Layout, stop: &CancellationToken) -> anyhow::Result<()> {
    let deadline = Instant::now() + OWNER_WITHIN;
    let mut mentioned = false;
    while !postmaster::PidFile::read(&layout.data).is_some_and(|found| found.ready) {
        if Instant::now() >= deadline {
            bail!(
                "the private PostgreSQL in {} does not run: start `central serve`, which runs it, or configure a \
                 database in database.url",
                layout.root.display()
            );
        }
        if !mentioned {
            tracing::info!("waiting for `central serve`, which runs the private PostgreSQL");
            mentioned = true;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
            () = stop.cancelled() => bail!("asked to stop while waiting for `central serve`"),
        }
    }
    Ok(())
}

/// The lock, or none when this process is a guest.
async fn lock(
    data_dir: &Path,
    layout: &Layout,
    purpose: Purpose,
    stop: &CancellationToken,
) -> anyhow::Result<Option<File>> {
    let path = data_dir.join("postgresql.lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    account::belongs_with_its_folder(&path)?;
    let deadline = Instant::now() + LOCK_WITHIN;
    let mut mentioned = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
            Err(std::fs::TryLockError::WouldBlock) => {}
        }
        let runs = postmaster::PidFile::read(&layout.data).is_some_and(|found| found.ready);
        if purpose == Purpose::Command && runs {
            return Ok(None);
        }
        let mut holder = String::new();
        file.rewind()?;
        file.read_to_string(&mut holder)?;
        if Instant::now() >= deadline {
            bail!(
                "another central (process {}) runs on the data directory {}: stop it, or give this one a data \
                 directory of its own",
                holder.trim(),
                data_dir.display()
            );
        }
        if !mentioned {
            tracing::info!(process = holder.trim(), "another central owns the private PostgreSQL: waiting for it");
            mentioned = true;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
            () = stop.cancelled() => bail!("asked to stop while waiting for another central"),
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Some(file))
}

#[derive(Debug)]
struct Program {
    layout: Layout,
    binaries: Binaries,
    account: Account,
}

/// Keeps the cluster running until it is stopped.
#[derive(Debug)]
pub struct Owner {
    stop: CancellationToken,
    pid: Arc<AtomicI32>,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Owner {
    fn watch(child: Child, program: Program, lock: File) -> Owner {
        let stop = CancellationToken::new();
        let pid = Arc::new(AtomicI32::new(0));
        let task = tokio::spawn(keep_running(child, program, stop.clone(), pid.clone(), lock));
        Owner { stop, pid, task: Some(task) }
    }

    /// Stops the cluster in fast mode and waits for it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        match self.task.take() {
            Some(task) => task.await?,
            None => Ok(()),
        }
    }
}

impl Drop for Owner {
    /// Only where something went wrong before the orderly stop: PostgreSQL is asked to stop, nobody waits.
    fn drop(&mut self) {
        if self.task.is_some() {
            self.stop.cancel();
            let pid = self.pid.load(Ordering::SeqCst);
            if pid > 0 {
                let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
            }
        }
    }
}

async fn keep_running(
    mut child: Child,
    program: Program,
    stop: CancellationToken,
    pid: Arc<AtomicI32>,
    _lock: File,
) -> anyhow::Result<()> {
    let mut pause = RESTART_PAUSE_MIN;
    loop {
        let number = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0);
        pid.store(number, Ordering::SeqCst);
        let started = Instant::now();
        tokio::select! {
            () = stop.cancelled() => {
                let stopped = postmaster::stop(number, &program.layout.data, Some(&mut child)).await;
                pid.store(0, Ordering::SeqCst);
                tracing::info!("the private PostgreSQL is stopped");
                return stopped;
            }
            status = child.wait() => {
                pid.store(0, Ordering::SeqCst);
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                tracing::error!(status, "the private PostgreSQL ended: starting it again");
            }
        }
        if started.elapsed() > RESTART_PAUSE_MAX {
            pause = RESTART_PAUSE_MIN;
        }
        child = loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return Ok(()),
            }
            pause = (pause * 2).min(RESTART_PAUSE_MAX);
            match postmaster::start(&program.layout, &program.binaries, &program.account, &stop).await {
                Ok(child) => break child,
                Err(_) if stop.is_cancelled() => return Ok(()),
                Err(error) => tracing::error!("{error:#}"),
            }
        };
        tracing::info!("the private PostgreSQL runs again");
    }
}
