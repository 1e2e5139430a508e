//! Versions of the wire.
//!
//! bincode encodes by position: **a field added, removed or moved in anything that travels is a new version.**
//! 1. Add a variant below, with a sentence that says what changed.
//! 2. Keep decoding the two versions before it.
//! 3. Add golden bytes for it in `tests/golden.rs`; never touch those of released versions.
//!
//! A new *kind* of event is no new version: kinds travel as a tag and a length, and a receiver keeps those it does
//! not know as they are ([`crate::event::EventKind::Unknown`]).

/// The version this build speaks.
pub const CURRENT: Version = Version::V1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// The first one.
    V1,
}

impl Version {
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Version::V1 => 1,
        }
    }

    #[must_use]
    pub fn from_number(number: u16) -> Option<Version> {
        match number {
            1 => Some(Version::V1),
            _ => None,
        }
    }
}
