//! The files of the private cluster: made once, whole or not at all, and told anew at every start what is central's to
//! say.
//!
//! `initdb` works in a folder of another name, which is renamed when everything in it is ready. `central.conf`,
//! `pg_hba.conf` and `pg_ident.conf` are written at every start; what an administrator sets with `ALTER SYSTEM` or below
//! the include in `postgresql.conf` wins over `central.conf`.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use nix::unistd::Uid;

use super::account::{Account, name_of};
use super::binaries::Binaries;
use crate::configuration::PreloadLibrary;

/// The role central connects as, and its database.
pub const ROLE: &str = "central";
pub const DATABASE: &str = "central";
pub const PORT: u16 = 5432;
/// What a socket's address may hold, its final zero aside (sun_path).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Where everything of the private PostgreSQL lies.
#[derive(Debug, Clone)]
pub struct Layout {
    /// `postgresql` under central's data directory.
    pub root: PathBuf,
    pub data: PathBuf,
    pub logs: PathBuf,
    pub sockets: PathBuf,
}

impl Layout {
    /// `data_dir` must be absolute: the socket's place follows from it.
    #[must_use]
    pub fn under(data_dir: &Path) -> Layout {
        let root = data_dir.join("postgresql");
        Layout { data: root.join("data"), logs: root.join("log"), sockets: socket_folder(&root), root }
    }

    /// The major version that made the cluster; none when there is no cluster yet.
    pub fn made_by(&self) -> anyhow::Result<Option<u32>> {
        let file = self.data.join("PG_VERSION");
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(Some(text.trim().parse().with_context(|| format!("{} is not a version", file.display()))?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.data.exists() {
                    bail!(
                        "{} exists but is no PostgreSQL cluster (it has no PG_VERSION): restore it or move it away; \
                         central does not touch it",
                        self.data.display()
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }
}

/// In the cluster's own folder, or, where that path is too long for a socket, in a folder of `/tmp` named after it.
fn socket_folder(root: &Path) -> PathBuf {
    let folder = root.join("socket");
    let text = folder.to_string_lossy();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if plain && text.len() + "/.s.PGSQL.5432".len() <= SOCKET_PATH_BYTES_MAX {
        return folder;
    }
    // FNV-1a: stable between builds, and nothing depends on its being hard to guess.
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    PathBuf::from(format!("/tmp/central-postgresql-{hash:016x}"))
}

/// Makes the cluster unless it exists. Blocking: takes a second or two.
pub fn make(layout: &Layout, binaries: &Binaries, account: &Account) -> anyhow::Result<()> {
    account.own_folder(&layout.root)?;
    account.own_folder(&layout.logs)?;
    account.check_way_to(&layout.root)?;
    if layout.made_by()?.is_some() {
        return Ok(());
    }
    tracing::info!(%binaries, folder = %layout.data.display(), run_as = account.name, "making the private database");
    let unfinished = layout.root.join("data.new");
    // A locale whose order no update of the C library changes: indexes on text stay right for ever.
    let locales: [&[&str]; 2] = [&["--locale=C", "--lc-ctype=C.UTF-8"], &["--locale=C"]];
    let mut said = String::new();
    for locale in locales {
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)
                .with_context(|| format!("cannot remove the unfinished {}", unfinished.display()))?;
        }
        let mut initdb = std::process::Command::new(binaries.dir.join("initdb"));
        initdb.args(["--username", ROLE, "--encoding=UTF8", "--data-checksums"]);
        initdb.args(["--auth-local=peer", "--auth-host=reject"]).args(locale).arg("--pgdata").arg(&unfinished);
        initdb.current_dir(&layout.root).stdin(Stdio::null());
        let output = run_as(&mut initdb, account).output().context("cannot start initdb")?;
        if output.status.success() {
            let conf = unfinished.join("postgresql.conf");
            let mut text = std::fs::read_to_string(&conf)?;
            text.push_str("\n# Written anew at every start of central. What stands below, and ALTER SYSTEM, wins.\n");
            text.push_str("include_if_exists = 'central.conf'\n");
            std::fs::write(&conf, text)?;
            std::fs::rename(&unfinished, &layout.data)?;
            std::fs::File::open(&layout.root)?.sync_all()?;
            return Ok(());
        }
        said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    bail!("initdb could not make the private database in {}:\n{}", layout.root.display(), said.trim_end())
}

/// Writes what this start of central wants of the cluster.
pub fn tell(layout: &Layout, account: &Account, preload: &[PreloadLibrary]) -> anyhow::Result<()> {
    write(&layout.data.join("central.conf"), &settings(layout, preload), account)?;
    write(
        &layout.data.join("pg_hba.conf"),
        "# Written by central at every start.\nlocal all all peer map=central\n",
        account,
    )?;
    let mut names = vec![account.name.clone(), name_of(Uid::effective()), "root".to_owned()];
    names.sort();
    names.dedup();
    let mut ident =
        String::from("# Written by central at every start: the accounts of this computer that may connect.\n");
    for name in names {
        ident.push_str(&format!("central \"{name}\" {ROLE}\n"));
    }
    write(&layout.data.join("pg_ident.conf"), &ident, account)?;
    own_socket_folder(layout, account)
}

fn settings(layout: &Layout, preload: &[PreloadLibrary]) -> String {
    let libraries: Vec<&str> = preload.iter().map(|library| library.as_str()).collect();
    let logs = layout.logs.to_string_lossy().replace('\'', "''");
    let mut text = format!(
        "# Written by central at every start: change nothing here, use ALTER SYSTEM.\n\
         max_connections = 60\n\
         shared_buffers = '128MB'\n\
         wal_compression = on\n\
         max_wal_size = '2GB'\n\
         checkpoint_timeout = '15min'\n\
         random_page_cost = 1.1\n\
         jit = off\n\
         max_locks_per_transaction = 256\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         logging_collector = on\n\
         log_directory = '{logs}'\n\
         # One file for each day of the week, each at most a week old: seven files, ever.\n\
         log_filename = 'postgresql-%a.log'\n\
         log_rotation_age = '1d'\n\
         log_rotation_size = 0\n\
         log_truncate_on_rotation = on\n\
         log_line_prefix = '%m [%p] %a '\n\
         shared_preload_libraries = '{}'\n",
        libraries.join(",")
    );
    if preload.contains(&PreloadLibrary::PgCron) {
        // Its jobs would connect over TCP otherwise, which this cluster does not speak.
        text.push_str(&format!("cron.database_name = '{DATABASE}'\ncron.use_background_workers = on\n"));
    }
    if preload.contains(&PreloadLibrary::Timescaledb) {
        text.push_str("timescaledb.telemetry_level = off\n");
    }
    text
}

fn write(file: &Path, text: &str, account: &Account) -> anyhow::Result<()> {
    let new = file.with_extension("conf.new");
    std::fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    if account.is_other {
        std::os::unix::fs::chown(&new, Some(account.uid), Some(account.gid))?;
    }
    std::fs::rename(&new, file).with_context(|| format!("cannot write {}", file.display()))
}

/// The folder may lie in `/tmp`, where anybody could have made it before.
fn own_socket_folder(layout: &Layout, account: &Account) -> anyhow::Result<()> {
    if !layout.sockets.starts_with(&layout.root) {
        match std::fs::symlink_metadata(&layout.sockets) {
            Ok(found) if !found.is_dir() || found.uid() != account.uid => bail!(
                "{} was made by somebody else ({}): remove it, or choose a data directory with a shorter path",
                layout.sockets.display(),
                name_of(Uid::from_raw(found.uid())),
            ),
            _ => {}
        }
    }
    account.own_folder(&layout.sockets)
}

/// The command under the account, without what is central's own business in its environment: where another PostgreSQL
/// is, who waits for a notice of readiness, and configuration that may hold a password.
pub fn run_as<'c>(command: &'c mut std::process::Command, account: &Account) -> &'c mut std::process::Command {
    use std::os::unix::process::CommandExt as _;
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let own =
            ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"].contains(&text.as_ref());
        if own || text.starts_with("PG") || text.starts_with("CENTRAL_") || text.starts_with("LC_") {
            command.env_remove(&name);
        }
    }
    command.env("LC_ALL", "C");
    if account.is_other {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_too_long_for_a_socket_gets_a_short_folder_of_its_own() {
        assert_eq!(
            Layout::under(Path::new("/var/lib/central")).sockets,
            Path::new("/var/lib/central/postgresql/socket")
        );
        let long = Layout::under(Path::new(&format!("/srv/{}", "x".repeat(100))));
        let other = Layout::under(Path::new(&format!("/srv/{}", "y".repeat(100))));
        assert!(long.sockets.starts_with("/tmp"));
        assert_ne!(long.sockets, other.sockets);
        assert!(Layout::under(Path::new("/srv/a,b")).sockets.starts_with("/tmp"));
    }
}
