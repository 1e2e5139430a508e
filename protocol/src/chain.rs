//! The running hash over an agent's log.
//!
//! `hash(n) = blake3(hash(n-1) ‖ event n)`, first 16 bytes. It does not depend on where batches begin and end, so a
//! retry may be cut differently from the first try. An event's wall-clock time and its quality are left out: an agent
//! may correct them until central has the event, and a correction is no second history.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::event::RawEvent;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct ChainHash(pub [u8; 16]);

impl ChainHash {
    /// The hash before the first event.
    pub const START: ChainHash = ChainHash([0; 16]);

    #[must_use]
    pub fn next(self, event: &RawEvent) -> ChainHash {
        let mut hasher = blake3::Hasher::new();
        let mut head = [0_u8; 16 + 4 + 8 + 2 + 2 + 4];
        head[0..16].copy_from_slice(&self.0);
        head[16..20].copy_from_slice(&event.monotonic.boot.to_le_bytes());
        head[20..28].copy_from_slice(&event.monotonic.us.to_le_bytes());
        head[28..30].copy_from_slice(&event.origin.0.to_le_bytes());
        head[30..32].copy_from_slice(&event.kind.0.to_le_bytes());
        // A body is bounded by EVENT_BODY_BYTES_MAX, far below u32::MAX.
        head[32..36].copy_from_slice(&u32::try_from(event.body.len()).unwrap_or(u32::MAX).to_le_bytes());
        hasher.update(&head);
        hasher.update(&event.body);
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        ChainHash(hash)
    }

    /// The hash after all of `events`.
    #[must_use]
    pub fn after<'e>(self, events: impl IntoIterator<Item = &'e RawEvent>) -> ChainHash {
        events.into_iter().fold(self, |hash, event| hash.next(event))
    }

    /// What central remembers of every event, to find where two histories part.
    #[must_use]
    pub fn digest(self) -> [u8; 8] {
        let mut digest = [0; 8];
        digest.copy_from_slice(&self.0[..8]);
        digest
    }
}

impl std::fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}
