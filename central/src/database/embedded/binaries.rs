//! Which PostgreSQL programs this computer has.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Major versions that the schema is tested with.
pub const SUPPORTED: std::ops::RangeInclusive<u32> = 15..=18;

/// A folder with `postgres` and `initdb` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    pub dir: PathBuf,
    pub major: u32,
}

impl fmt::Display for Binaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {} in {}", self.major, self.dir.display())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum NoBinaries {
    #[error(
        "no PostgreSQL 15 to 18 was found on this computer{found}: install one (Debian: `apt install postgresql`), \
         name its folder in database.bin_dir, or configure a database in database.url"
    )]
    NoneAtAll { found: Others },
    #[error(
        "the private database in {data} was made by PostgreSQL {wanted}, which is not on this computer{found}: install \
         PostgreSQL {wanted} (Debian: `apt install postgresql-{wanted}`). To move to a newer one, dump it with the old \
         version and load it into a new data directory, or use pg_upgrade; nothing was changed"
    )]
    OtherVersion { data: PathBuf, wanted: u32, found: Others },
    #[error("{dir} holds no working `postgres` and `initdb`: database.bin_dir must name their folder")]
    NotThere { dir: PathBuf },
}

/// What was found instead.
#[derive(Debug)]
pub struct Others(pub Vec<Binaries>);

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        let list: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, " (found {})", list.join(", "))
    }
}

/// The programs for a cluster that was made by version `made_by`, or the newest supported ones for a new cluster.
pub fn find(bin_dir: Option<&Path>, made_by: Option<u32>, data: &Path) -> Result<Binaries, NoBinaries> {
    let candidates = match bin_dir {
        Some(dir) => vec![in_folder(dir).ok_or_else(|| NoBinaries::NotThere { dir: dir.to_owned() })?],
        None => folders().iter().filter_map(|folder| in_folder(folder)).collect(),
    };
    choose(candidates, made_by, data)
}

fn choose(candidates: Vec<Binaries>, made_by: Option<u32>, data: &Path) -> Result<Binaries, NoBinaries> {
    let fitting = candidates.iter().filter(|it| match made_by {
        Some(major) => it.major == major,
        None => SUPPORTED.contains(&it.major),
    });
    // The first of equals: an explicit PATH comes before the usual places.
    match (fitting.reduce(|best, it| if it.major > best.major { it } else { best }), made_by) {
        (Some(found), _) => Ok(found.clone()),
        (None, None) => Err(NoBinaries::NoneAtAll { found: Others(candidates) }),
        (None, Some(wanted)) => {
            Err(NoBinaries::OtherVersion { data: data.to_owned(), wanted, found: Others(candidates) })
        }
    }
}

/// PATH, the places of Debian, Red Hat and Homebrew, and what `pg_config` says.
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    for (parent, prefix, suffix) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
    ] {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(
            entries
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join(suffix)),
        );
    }
    if let Some(dir) = output_of("pg_config", "--bindir") {
        folders.push(PathBuf::from(dir));
    }
    let mut seen = HashSet::new();
    folders.retain(|folder| folder.join("initdb").is_file() && seen.insert(folder.clone()));
    folders
}

fn in_folder(dir: &Path) -> Option<Binaries> {
    if !dir.join("initdb").is_file() {
        return None;
    }
    let version = output_of(dir.join("postgres"), "--version")?;
    Some(Binaries { dir: dir.to_owned(), major: major_version(&version)? })
}

fn output_of(program: impl AsRef<std::ffi::OsStr>, argument: &str) -> Option<String> {
    let output = std::process::Command::new(program).arg(argument).stdin(std::process::Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// From `postgres (PostgreSQL) 15.20 (Debian 15.20-1)`.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(majors: &[u32]) -> Vec<Binaries> {
        majors.iter().map(|major| Binaries { dir: format!("/pg/{major}").into(), major: *major }).collect()
    }

    #[test]
    fn versions_are_read_as_postgres_prints_them() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.20 (Debian 15.20-1.pgdg12+1)"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_version("postgres 9"), None);
    }

    #[test]
    fn a_new_cluster_takes_the_newest_supported_version() {
        assert_eq!(choose(binaries(&[15, 19, 17, 13]), None, Path::new("/d")).unwrap().major, 17);
    }

    #[test]
    fn a_cluster_keeps_the_version_that_made_it() {
        assert_eq!(choose(binaries(&[15, 17]), Some(15), Path::new("/d")).unwrap().major, 15);
        let error = choose(binaries(&[15]), Some(16), Path::new("/d")).unwrap_err().to_string();
        assert!(error.contains("made by PostgreSQL 16"), "{error}");
        assert!(error.contains("found PostgreSQL 15 in /pg/15"), "{error}");
        assert!(error.contains("apt install postgresql-16"), "{error}");
    }

    #[test]
    fn no_postgresql_at_all_says_what_to_install() {
        let error = choose(Vec::new(), None, Path::new("/d")).unwrap_err().to_string();
        assert!(error.contains("apt install postgresql"), "{error}");
    }
}
