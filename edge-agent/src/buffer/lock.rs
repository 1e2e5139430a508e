//! One process per data directory: a second one would number its events as the first one does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::OpenError;

/// Held for as long as the log is open; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(data_dir: &Path) -> Result<Lock, OpenError> {
        let path = data_dir.join("agent.lock");
        let unusable = |source| OpenError::DataDirectory { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder = if known { format!("process {}", holder.trim()) } else { "another process".to_owned() };
                return Err(OpenError::Locked { data_dir: data_dir.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // Only to tell the next one who holds it; the lock itself is the system's.
        let pid = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        pid.map_err(unusable)?;
        Ok(Lock { _file: file })
    }
}
