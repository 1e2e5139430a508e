//! What a failed statement means for the log.

use rusqlite::ffi::ErrorCode;

/// Cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No room, in the file system or within a limit of the file. Passes when there is room.
    Full,
    /// May not be written. Passes when somebody changes that; the file is opened anew each time.
    ReadOnly,
    /// Another process holds the file longer than it should. Passes.
    Busy,
    /// The disk failed. What was being written may or may not be there: the file is opened anew and looked at.
    Disk,
    /// The file is damaged: it is set aside.
    Damaged,
    /// The request itself cannot be done.
    Request,
}

impl Fault {
    pub(super) fn of(error: &rusqlite::Error) -> Fault {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Fault::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
            Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed | ErrorCode::NoLargeFileSupport) => {
                Fault::Disk
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Damaged,
            _ => Fault::Request,
        }
    }

    /// Whether the file has to be opened anew before anything else is done with it.
    pub(super) fn needs_opening(self) -> bool {
        matches!(self, Fault::ReadOnly | Fault::Disk | Fault::Damaged)
    }

    /// What a person reads in the status.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Fault::Full => "disk full: nothing is lost, sources wait; make room on the disk",
            Fault::ReadOnly => "the log cannot be written: check the rights and the mount of the data directory",
            Fault::Busy => "another program holds the log: end it",
            Fault::Disk => "the disk failed: check it, it may be dying",
            Fault::Damaged => "the log is damaged",
            Fault::Request => "an internal error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> Fault {
        Fault::of(&rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
    }

    #[test]
    fn each_kind_of_failure_is_told_apart() {
        use rusqlite::ffi;
        assert_eq!(sqlite(ffi::SQLITE_FULL), Fault::Full);
        assert_eq!(sqlite(ffi::SQLITE_READONLY_DBMOVED), Fault::ReadOnly);
        assert_eq!(sqlite(ffi::SQLITE_CANTOPEN), Fault::ReadOnly);
        assert_eq!(sqlite(ffi::SQLITE_BUSY_SNAPSHOT), Fault::Busy);
        assert_eq!(sqlite(ffi::SQLITE_IOERR_FSYNC), Fault::Disk);
        assert_eq!(sqlite(ffi::SQLITE_CORRUPT_INDEX), Fault::Damaged);
        assert_eq!(sqlite(ffi::SQLITE_NOTADB), Fault::Damaged);
        assert_eq!(sqlite(ffi::SQLITE_CONSTRAINT), Fault::Request);
        assert_eq!(Fault::of(&rusqlite::Error::QueryReturnedNoRows), Fault::Request);
    }
}
