//! Who runs the private PostgreSQL, and who owns what.
//!
//! PostgreSQL refuses to run as root. An ordinary user runs it as itself. Root hands it to whoever owns the cluster
//! already, for a new one to `postgres`, or to `nobody` where that account does not exist.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use nix::unistd::{Gid, Uid, User};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
    /// Whether a program has to be started under another identity than central's.
    pub is_other: bool,
}

impl Account {
    /// For the cluster in `data`, which may not exist yet.
    pub fn for_cluster(data: &Path) -> anyhow::Result<Account> {
        let me = Uid::effective();
        let owner = std::fs::metadata(data).ok().map(|metadata| Uid::from_raw(metadata.uid()));
        match (me.is_root(), owner) {
            (false, Some(owner)) if owner != me => bail!(
                "{} belongs to {}, but central runs as {}: run central as its owner, or `chown -R` it",
                data.display(),
                name_of(owner),
                name_of(me),
            ),
            (false, _) => account_of(me).map(|account| Account { is_other: false, ..account }),
            (true, Some(owner)) if owner.is_root() => bail!(
                "{} belongs to root, and PostgreSQL refuses to run as root: `chown -R postgres {}`",
                data.display(),
                data.display(),
            ),
            (true, Some(owner)) => account_of(owner),
            (true, None) => ["postgres", "nobody"]
                .iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .map(Account::from)
                .context(
                    "central runs as root, and PostgreSQL refuses to: there is neither a user `postgres` nor `nobody` \
                     to run it as. Run central as an ordinary user",
                ),
        }
    }

    /// Makes `folder` this account's own and nobody else's.
    pub fn own_folder(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if self.is_other {
            std::os::unix::fs::chown(folder, Some(self.uid), Some(self.gid))
                .with_context(|| format!("cannot hand {} to {}", folder.display(), self.name))?;
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot protect {}", folder.display()))
    }

    /// Says which folder on the way to `folder` the account may not enter.
    pub fn check_way_to(&self, folder: &Path) -> anyhow::Result<()> {
        if !self.is_other {
            return Ok(());
        }
        for parent in folder.ancestors().skip(1) {
            let Ok(metadata) = std::fs::metadata(parent) else { continue };
            let needed = if metadata.uid() == self.uid {
                0o100
            } else if metadata.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if metadata.mode() & needed == 0 {
                bail!(
                    "PostgreSQL would run as {}, who may not enter {} (mode {:o}): choose a data directory elsewhere \
                     (data.dir or CENTRAL_DATA_DIR), run central as an ordinary user, or `chmod o+x {}`",
                    self.name,
                    parent.display(),
                    metadata.mode() & 0o7777,
                    parent.display(),
                );
            }
        }
        Ok(())
    }
}

impl From<User> for Account {
    fn from(user: User) -> Account {
        Account {
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            is_other: user.uid != Uid::effective(),
            name: user.name,
        }
    }
}

fn account_of(uid: Uid) -> anyhow::Result<Account> {
    User::from_uid(uid).ok().flatten().map(Account::from).with_context(|| {
        format!("user id {uid} has no account, and PostgreSQL runs only for one that has: add it to /etc/passwd")
    })
}

/// The account's name, or its number where it has none.
#[must_use]
pub fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("user id {uid}"), |user| user.name)
}

/// What root makes inside a folder belongs to the folder's owner, so that a command run by root does not lock out a
/// service that is not.
pub fn belongs_with_its_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_else(|| PathBuf::from("/"));
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let owner = std::fs::metadata(folder)?;
    nix::unistd::chown(path, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid()))).map_err(Into::into)
}
