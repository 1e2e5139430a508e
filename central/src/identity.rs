//! Central's key: what agents know it by. Made once, at the first `serve` or the first invitation; several central
//! processes behind one address share it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use process::key::KeyAndCertificate;

use crate::database::embedded::account::belongs_with_its_folder;

/// Where the key lies.
#[must_use]
pub fn key_file(data_dir: &Path) -> PathBuf {
    data_dir.join("identity").join("central-key.pem")
}

/// What this computer calls itself.
#[must_use]
pub fn host() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "localhost".to_owned())
}

/// Reads the key under the data directory, or makes it.
pub fn central_key(data_dir: &Path) -> anyhow::Result<KeyAndCertificate> {
    let folder = data_dir.join("identity");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    belongs_with_its_folder(&folder)?;
    // Two processes that start together must not make two keys.
    let lock_file = folder.join("central-key.lock");
    let lock = File::options().write(true).create(true).truncate(false).open(&lock_file);
    let lock = lock.with_context(|| format!("cannot open {}", lock_file.display()))?;
    belongs_with_its_folder(&lock_file)?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_file.display()))?;
    let file = key_file(data_dir);
    let key = KeyAndCertificate::read_or_make(&file, "central")?;
    belongs_with_its_folder(&file)?;
    Ok(key)
}
