//! One `postgres` process: whether one runs, starting one, stopping one.
//!
//! Whoever holds the lock of the data directory is the only one to start or stop it, so that never two run. A postmaster
//! that outlived a killed central is stopped in an orderly way and started again under the present configuration.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::account::Account;
use super::binaries::Binaries;
use super::cluster::{Layout, PORT, run_as};

const POLL: Duration = Duration::from_millis(50);
/// How often a long recovery is mentioned.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// How long the children of a killed postmaster may take to notice.
const CHILDREN_GO_WITHIN: Duration = Duration::from_secs(30);
/// A fast shutdown writes a checkpoint; then it gets impolite.
const FAST_WITHIN: Duration = Duration::from_secs(60);
const IMMEDIATE_WITHIN: Duration = Duration::from_secs(10);

/// What `postmaster.pid` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFile {
    pub pid: i32,
    pub ready: bool,
}

impl PidFile {
    #[must_use]
    pub fn read(data: &Path) -> Option<PidFile> {
        PidFile::parse(&std::fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    /// Line 1 is the process, line 8 its status (src/include/miscadmin.h of PostgreSQL).
    fn parse(text: &str) -> Option<PidFile> {
        let mut lines = text.lines();
        let pid: i32 = lines.next()?.trim().parse().ok()?;
        // A stand-alone backend writes its number negative.
        let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
        Some(PidFile { pid: pid.abs(), ready })
    }
}

/// Whether the process lives (a zombie does not) and works in `data`.
#[must_use]
pub fn is_postmaster(pid: i32, data: &Path) -> bool {
    if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
        return false;
    }
    let proc = Path::new("/proc").join(pid.to_string());
    if !proc.exists() {
        return !Path::new("/proc/self").exists();
    }
    match std::fs::read_link(proc.join("cwd")) {
        Ok(cwd) => std::fs::canonicalize(data).is_ok_and(|data| cwd == data),
        // A zombie has no folder any more.
        Err(_) => false,
    }
}

/// Stops whatever runs on `data`, and clears the way for a start.
pub async fn clear_the_way(data: &Path) -> anyhow::Result<()> {
    let Some(found) = PidFile::read(data) else { return Ok(()) };
    if is_postmaster(found.pid, data) {
        tracing::warn!(pid = found.pid, "stopping the private PostgreSQL that outlived an earlier central");
        return stop(found.pid, data, None).await;
    }
    if kill(Pid::from_raw(found.pid), None) != Err(Errno::ESRCH) {
        // After a crash of the computer its number may be another process's, and PostgreSQL would refuse to start.
        tracing::warn!(pid = found.pid, "removing a postmaster.pid that names another process");
        std::fs::remove_file(data.join("postmaster.pid")).context("cannot remove a stale postmaster.pid")?;
    }
    Ok(())
}

/// Starts `postgres` and waits until it takes connections, however long recovery takes. Cancelling `stop` ends the wait
/// and the process.
pub async fn start(
    layout: &Layout,
    binaries: &Binaries,
    account: &Account,
    stop: &CancellationToken,
) -> anyhow::Result<Child> {
    let began = Instant::now();
    loop {
        let mut child = spawn(layout, binaries, account)?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        let Some(status) = wait_until_ready(&mut child, layout, stop).await? else {
            if stop.is_cancelled() {
                self::stop(pid, &layout.data, Some(&mut child)).await?;
                bail!("asked to stop while the private PostgreSQL was starting");
            }
            return Ok(child);
        };
        let said = last_lines(&layout.logs.join("startup.log"), 12);
        let children_remain = said.contains("still in use") || said.contains("is another postmaster");
        if !(children_remain && began.elapsed() < CHILDREN_GO_WITHIN) {
            let log = newest_log(&layout.logs).map(|file| last_lines(&file, 12)).unwrap_or_default();
            bail!("the private PostgreSQL did not start ({status}); it said:\n{}", format!("{said}\n{log}").trim());
        }
        tracing::info!("waiting for the children of a killed PostgreSQL to end");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn spawn(layout: &Layout, binaries: &Binaries, account: &Account) -> anyhow::Result<Child> {
    let said = std::fs::File::create(layout.logs.join("startup.log")).context("cannot write startup.log")?;
    let mut postgres = std::process::Command::new(binaries.dir.join("postgres"));
    postgres.arg("-D").arg(&layout.data);
    // Said here, because neither a file nor ALTER SYSTEM may change it: there is a socket in a private folder, no port.
    postgres.args(["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"]);
    postgres.arg("-c").arg(format!("unix_socket_directories={}", layout.sockets.display()));
    postgres.arg("-c").arg(format!("port={PORT}"));
    postgres.current_dir("/").stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
    // A group of its own, so that Ctrl-C reaches central alone, which stops PostgreSQL last.
    run_as(&mut postgres, account).process_group(0);
    Command::from(postgres).kill_on_drop(false).spawn().context("cannot start postgres")
}

/// None when it is ready, or when `stop` is cancelled; its exit status when it ended.
async fn wait_until_ready(
    child: &mut Child,
    layout: &Layout,
    stop: &CancellationToken,
) -> anyhow::Result<Option<std::process::ExitStatus>> {
    let began = Instant::now();
    let mut mentioned = began;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let ready =
            PidFile::read(&layout.data).is_some_and(|file| file.ready && u32::try_from(file.pid).ok() == child.id());
        if ready || stop.is_cancelled() {
            return Ok(None);
        }
        if mentioned.elapsed() >= PROGRESS_EVERY {
            mentioned = Instant::now();
            let last = newest_log(&layout.logs).map(|file| last_lines(&file, 1)).unwrap_or_default();
            tracing::info!(
                waited_s = began.elapsed().as_secs(),
                postgresql = last,
                "waiting for the private PostgreSQL; after an unclean stop it recovers first"
            );
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Asks for a fast shutdown, then for an immediate one, then ends it. `child` is waited for where it is ours.
pub async fn stop(pid: i32, data: &Path, mut child: Option<&mut Child>) -> anyhow::Result<()> {
    for (signal, within) in
        [(Signal::SIGINT, FAST_WITHIN), (Signal::SIGQUIT, IMMEDIATE_WITHIN), (Signal::SIGKILL, IMMEDIATE_WITHIN)]
    {
        if signal != Signal::SIGINT {
            tracing::warn!(pid, %signal, "the private PostgreSQL does not stop");
        }
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => bail!("cannot stop the PostgreSQL with process id {pid}: {error}"),
        }
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            let gone = match child.as_deref_mut() {
                Some(child) => child.try_wait()?.is_some(),
                None => !is_postmaster(pid, data),
            };
            if gone {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
    bail!("the PostgreSQL with process id {pid} did not end")
}

fn newest_log(logs: &Path) -> Option<std::path::PathBuf> {
    std::fs::read_dir(logs)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("postgresql-"))
        .max_by_key(|entry| entry.metadata().and_then(|metadata| metadata.modified()).ok())
        .map(|entry| entry.path())
}

/// The end of a log, bounded in bytes too.
fn last_lines(file: &Path, count: usize) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(8 * 1024)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_says_who_and_whether_it_is_ready() {
        let text = "4711\n/data\n1700000000\n5432\n/sockets\n\n  5432  1\nready   \n";
        assert_eq!(PidFile::parse(text), Some(PidFile { pid: 4711, ready: true }));
        let text = "4711\n/data\n1700000000\n5432\n/sockets\n\n  5432  1\nstarting\n";
        assert_eq!(PidFile::parse(text), Some(PidFile { pid: 4711, ready: false }));
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn another_process_is_no_postmaster() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(!is_postmaster(me, Path::new("/")) || std::env::current_dir().unwrap() == Path::new("/"));
    }
}
