//! Where a page of events ended, as an opaque word. The next page begins strictly after it, whatever was added meanwhile.

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;

use super::fact::Kind;

/// The place of an event among all of a machine's: newest first, then by kind, agent, epoch and sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub at: DateTime<Utc>,
    pub kind: Kind,
    pub agent_id: i32,
    pub epoch: i32,
    pub seq: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cursor { at, kind, agent_id, epoch, seq } = self;
        let text = format!("{}.{}.{agent_id}.{epoch}.{seq}", at.timestamp_micros(), kind.rank());
        f.write_str(&BASE64URL_NOPAD.encode(text.as_bytes()))
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Cursor, InvalidCursor> {
        let parse = || {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
            let mut parts = std::str::from_utf8(&bytes).ok()?.split('.');
            let cursor = Cursor {
                at: DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?,
                kind: Kind::from_rank(parts.next()?.parse().ok()?)?,
                agent_id: parts.next()?.parse().ok()?,
                epoch: parts.next()?.parse().ok()?,
                seq: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(cursor)
        };
        parse().ok_or(InvalidCursor)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cursor is not one that an earlier page gave as `next`")]
pub struct InvalidCursor;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_survives_the_way_through_a_browser(
            us in -1_000_000_000_000_000_i64..4_000_000_000_000_000, rank in 1_i32..=10, agent_id: i32, epoch: i32, seq: i64
        ) {
            let at = DateTime::from_timestamp_micros(us).unwrap();
            let cursor = Cursor { at, kind: Kind::from_rank(rank).unwrap(), agent_id, epoch, seq };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn nonsense_is_no_cursor(text in "\\PC{0,40}") {
            prop_assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor));
        }
    }
}
