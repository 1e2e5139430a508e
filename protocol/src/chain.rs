//! The running hash over an agent's log.
//!
//! `hash(n) = blake3(hash(n-1) ‖ event n)`, first 16 bytes. It does not depend on where batches begin and end, so a
//! retry may be cut differently from the first try. An event's wall-clock time and its quality are left out: an agent
//! may correct them until central has the event, and a correction is no second history.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::event::RawEvent;

/// The previous hash, then boot, monotonic time, origin, kind and length of the body.
const HEAD_BYTES: usize = 16 + 4 + 8 + 2 + 2 + 4;
/// Counts, states and measurements are shorter.
const SHORT_BODY_BYTES: usize = 92;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct ChainHash(pub [u8; 16]);

impl ChainHash {
    /// The hash before the first event.
    pub const START: ChainHash = ChainHash([0; 16]);

    #[must_use]
    pub fn next(self, event: &RawEvent) -> ChainHash {
        let mut bytes = [0_u8; HEAD_BYTES + SHORT_BODY_BYTES];
        bytes[0..16].copy_from_slice(&self.0);
        bytes[16..20].copy_from_slice(&event.monotonic.boot.to_le_bytes());
        bytes[20..28].copy_from_slice(&event.monotonic.us.to_le_bytes());
        bytes[28..30].copy_from_slice(&event.origin.0.to_le_bytes());
        bytes[30..32].copy_from_slice(&event.kind.0.to_le_bytes());
        // A body is bounded by EVENT_BODY_BYTES_MAX, far below u32::MAX.
        bytes[32..36].copy_from_slice(&u32::try_from(event.body.len()).unwrap_or(u32::MAX).to_le_bytes());
        let hash = match bytes.get_mut(HEAD_BYTES..HEAD_BYTES + event.body.len()) {
            // Nearly every body is short, and one call is cheaper than a hasher that is fed in pieces.
            Some(place) => {
                place.copy_from_slice(&event.body);
                blake3::hash(&bytes[..HEAD_BYTES + event.body.len()])
            }
            None => blake3::Hasher::new().update(&bytes[..HEAD_BYTES]).update(&event.body).finalize(),
        };
        let mut first = [0; 16];
        first.copy_from_slice(&hash.as_bytes()[..16]);
        ChainHash(first)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::KindTag;
    use crate::id::OriginId;
    use crate::time::{ClockQuality, Monotonic, UtcMicros};

    #[test]
    fn bodies_of_every_length_are_hashed_by_the_same_rule() {
        for length in 0..300 {
            let event = RawEvent {
                at: UtcMicros(1),
                clock: ClockQuality::Synchronized,
                monotonic: Monotonic { boot: 2, us: 3 },
                origin: OriginId(4),
                kind: KindTag(5),
                body: (0..length).map(|byte| (byte % 251) as u8).collect(),
            };
            let mut hasher = blake3::Hasher::new();
            hasher.update(&ChainHash::START.0);
            hasher.update(&2_u32.to_le_bytes());
            hasher.update(&3_u64.to_le_bytes());
            hasher.update(&4_u16.to_le_bytes());
            hasher.update(&5_u16.to_le_bytes());
            hasher.update(&(length as u32).to_le_bytes());
            hasher.update(&event.body);
            assert_eq!(ChainHash::START.next(&event).0, hasher.finalize().as_bytes()[..16], "{length}");
        }
    }
}
