//! A PostgreSQL cluster of a test's own, on a socket in a temporary folder: it may be killed and restarted.
//!
//! A cluster with the migrated database is made once for each build of `central`, under the system's folder for temporary
//! files, behind a lock; a test copies it and is ready in a fraction of a second. PostgreSQL refuses to run as root, so
//! that root runs it as the user `postgres`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tempfile::TempDir;

use super::binaries;
use super::program::{Program, Ran};
use super::wait;

const DATABASE: &str = "central";

/// Who PostgreSQL runs as, where that is not who we are.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    fn find() -> anyhow::Result<Option<Account>> {
        let number = |flag: &str, name: &[&str]| -> anyhow::Result<u32> {
            Ok(Ran::of(Command::new("id").arg(flag).args(name))?.success()?.trim().parse()?)
        };
        if number("-u", &[])? != 0 {
            return Ok(None);
        }
        let context = "running as root, and there is no user postgres that PostgreSQL could run as";
        Ok(Some(Account {
            user: number("-u", &["postgres"]).context(context)?,
            group: number("-g", &["postgres"]).context(context)?,
        }))
    }
}

/// The newest PostgreSQL of this machine.
fn programs() -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin"))).filter(|(_, bin)| bin.join("initdb").exists())
        })
        .collect();
    found.sort();
    let (_, newest) = found.pop().context("no PostgreSQL under /usr/lib/postgresql: apt-get install postgresql")?;
    Ok(newest)
}

/// A running cluster. Dropping it stops it and removes its files.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    account: Option<Account>,
    folder: TempDir,
    postmaster: Option<Program>,
    /// Whether commits reach the disk: the operating system survives every fault of the tests, so that they do without.
    durable: bool,
}

impl Cluster {
    /// A copy of the migrated cluster, running.
    pub async fn start() -> anyhow::Result<Cluster> {
        Cluster::copied(false).await
    }

    /// The same, with commits as durable as in production: for figures.
    pub async fn start_durable() -> anyhow::Result<Cluster> {
        Cluster::copied(true).await
    }

    async fn copied(durable: bool) -> anyhow::Result<Cluster> {
        let template = tokio::task::spawn_blocking(template).await??;
        let mut cluster = Cluster { durable, ..Cluster::in_new_folder()? };
        cluster.run_as_owner("cp", &["-a", &path(&template.join("data"))?, &path(&cluster.data())?])?;
        cluster.resume().await?;
        Ok(cluster)
    }

    fn in_new_folder() -> anyhow::Result<Cluster> {
        let account = Account::find()?;
        let folder = tempfile::Builder::new().prefix("black-box-pg-").tempdir()?;
        if let Some(account) = account {
            chown(folder.path(), Some(account.user), Some(account.group))?;
        }
        Ok(Cluster { programs: programs()?, account, folder, postmaster: None, durable: false })
    }

    /// `postgresql://…` of the database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgresql://postgres@localhost/{database}?host={}", self.folder.path().display())
    }

    /// A small pool for a test's own questions, which survives a restart of the cluster.
    pub fn pool(&self) -> anyhow::Result<PgPool> {
        let options: PgConnectOptions = self.url().parse()?;
        Ok(PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(5)).connect_lazy_with(options))
    }

    /// SIGKILL to the whole server, as a crash of the machine's process would.
    pub fn kill(&mut self) {
        if let Some(mut postmaster) = self.postmaster.take() {
            postmaster.kill();
        }
    }

    /// Copies its files while it is stopped, as a cold backup does.
    pub async fn back_up(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.run_as_owner("cp", &["-a", &path(&self.data())?, &path(&self.backup())?])?;
        self.resume().await
    }

    /// Puts the copy in the place of what there is.
    pub async fn restore(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        std::fs::remove_dir_all(self.data())?;
        self.run_as_owner("cp", &["-a", &path(&self.backup())?, &path(&self.data())?])?;
        self.resume().await
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        self.run_as_owner(
            &path(&self.programs.join("pg_ctl"))?,
            &["stop", "--silent", "--wait", "--mode", "fast", "--pgdata", &path(&self.data())?],
        )?;
        self.kill();
        Ok(())
    }

    /// Starts it again, with recovery, and waits until it answers.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + wait::PATIENCE;
        loop {
            // Children of a killed server may hold its memory for a moment; the next one then ends at once.
            if self.postmaster.as_mut().is_none_or(|running| running.ended().is_some()) {
                self.postmaster = Some(self.spawn()?);
            }
            if self.command("pg_isready").args(["-q", "-d", &self.url_of("postgres")]).status()?.success() {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < deadline, "PostgreSQL does not start; see {}", self.log().display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn spawn(&self) -> anyhow::Result<Program> {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        let fsync = if self.durable { "fsync=on" } else { "fsync=off" };
        for setting in ["listen_addresses=", fsync, "shared_buffers=128MB", "max_connections=60", "max_wal_size=1GB"] {
            command.args(["-c", setting]);
        }
        Program::start("postgresql", &mut command, &self.log())
    }

    /// Of the postmaster.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.postmaster.as_ref().map(Program::id)
    }

    /// A folder that the server may write to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("postgresql.log")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).env("LC_ALL", "C.UTF-8");
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        command
    }

    fn run_as_owner(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path());
        if let Some(account) = self.account {
            command.uid(account.user).gid(account.group);
        }
        Ran::of(&mut command)?.success().map(drop)
    }
}

/// The folder of the migrated cluster for this build of `central`; makes it where it is not there yet.
fn template() -> anyhow::Result<PathBuf> {
    let central = binaries::built("central")?;
    let metadata = central.metadata()?;
    let mut hasher = DefaultHasher::new();
    (&central, metadata.len(), metadata.modified()?, programs()?).hash(&mut hasher);
    let all = std::env::temp_dir().join("black-box-templates");
    std::fs::create_dir_all(&all)?;
    let template = all.join(format!("{:016x}", hasher.finish()));
    let lock = std::fs::File::options().create(true).append(true).open(template.with_extension("lock"))?;
    lock.lock()?;
    if !template.join("data").exists() {
        forget_old_templates(&all);
        make_template(&central, &template).context("cannot make the database that tests copy")?;
    }
    Ok(template)
}

/// Those of builds from the day before and earlier.
fn forget_old_templates(all: &Path) {
    let day = Duration::from_secs(24 * 3_600);
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|made| made.elapsed().ok());
        if age.is_some_and(|age| age > day) && entry.path().is_dir() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn make_template(central: &Path, template: &Path) -> anyhow::Result<()> {
    let mut cluster = Cluster::in_new_folder()?;
    let data = path(&cluster.data())?;
    let initialised = Ran::of(cluster.command("initdb").args([
        "-D",
        &data,
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ]))?;
    initialised.success().context("initdb")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(cluster.resume())?;
    let maintenance = cluster.url_of("postgres");
    Ran::of(cluster.command("psql").args(["-qXd", &maintenance, "-c", &format!("CREATE DATABASE {DATABASE}")]))?
        .success()
        .context("CREATE DATABASE")?;
    let migrated = Ran::of(
        Command::new(central)
            .arg("migrate")
            .env("CENTRAL_DATABASE_URL", cluster.url())
            .env("CENTRAL_DATA_DIR", cluster.folder.path().join("central")),
    )?;
    migrated.success().context("central migrate")?;
    let mut postmaster = cluster.postmaster.take().context("it runs")?;
    // SIGINT is PostgreSQL's fast shutdown.
    postmaster.signal("INT");
    ensure!(postmaster.stop(Duration::from_secs(30)).is_some(), "PostgreSQL did not stop");
    let made = template.with_extension("making");
    let _ = std::fs::remove_dir_all(&made);
    std::fs::create_dir_all(&made)?;
    if let Some(account) = cluster.account {
        chown(&made, Some(account.user), Some(account.group))?;
    }
    cluster.run_as_owner("cp", &["-a", &data, &path(&made)?])?;
    std::fs::rename(&made, template)?;
    Ok(())
}

fn path(path: &Path) -> anyhow::Result<String> {
    Ok(path.to_str().context("temporary folders have plain names")?.to_owned())
}
