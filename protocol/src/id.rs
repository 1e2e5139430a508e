//! Names and numbers that identify things. Newtypes, so that one is never passed for another.

use std::fmt;

use bincode::de::read::Reader as _;
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::limits::NAME_BYTES_MAX;

/// An enrolled agent, for as long as it exists. Given by central.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(pub uuid::Uuid);

impl Encode for AgentId {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        self.0.as_bytes().encode(encoder)
    }
}

impl<Context> Decode<Context> for AgentId {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<AgentId, bincode::error::DecodeError> {
        Ok(AgentId(uuid::Uuid::from_bytes(Decode::decode(decoder)?)))
    }
}

bincode::impl_borrow_decode!(AgentId);

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which history of an agent: 1 at enrolment, raised by central when a person resolves a divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

/// Position of an event in its agent's log: 1, 2, 3 … without holes. [`Seq::NONE`] is "before the first".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    pub const NONE: Seq = Seq(0);

    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }

    /// The sequence `count` events further on.
    #[must_use]
    pub fn plus(self, count: u64) -> Seq {
        Seq(self.0 + count)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One start of one agent process, drawn at random at that start.
///
/// Together with the persisted number of [`starts`](Instance::starts) it gives away a copy: two processes that run
/// from the same database announce the same number of starts with different ids, and a restored one announces fewer
/// starts than central has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
pub struct Instance {
    /// How often a process has opened this agent database, this time included.
    pub starts: u32,
    pub id: u64,
}

/// As people see and type it: `3/00c0ffee00c0ffee`.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:016x}", self.starts, self.id)
    }
}

/// What an event is about, as a number local to one agent's log; [`crate::batch::Origin`] gives it its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OriginId(pub u16);

/// Number of a stop on one machine in one agent's log; begins at 1 and only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StopId(pub u64);

/// Name of a machine, station, source, device or signal: 1 to 64 characters of `a-z A-Z 0-9 . _ -`, the first one a
/// letter or digit. The same in configuration files, on the wire, in SQL and in addresses of pages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(SmolStr);

impl Name {
    pub fn new(text: &str) -> Result<Name, InvalidName> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
        let goes_on_well = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if starts_well && goes_on_well && text.len() <= NAME_BYTES_MAX {
            Ok(Name(text.into()))
        } else {
            Err(InvalidName { found: text.chars().take(NAME_BYTES_MAX + 1).collect() })
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a name: expected 1 to 64 of a-z A-Z 0-9 . _ - with a letter or digit first")]
pub struct InvalidName {
    pub found: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Name, InvalidName> {
        Name::new(&text)
    }
}

impl std::str::FromStr for Name {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Name, InvalidName> {
        Name::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0.into()
    }
}

impl Encode for Name {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        self.as_str().encode(encoder)
    }
}

impl<Context> Decode<Context> for Name {
    fn decode<D: bincode::de::Decoder<Context = Context>>(
        decoder: &mut D,
    ) -> Result<Name, bincode::error::DecodeError> {
        // As a `String` is encoded, but without allocating one: nearly every event carries a name.
        let invalid = |text: &str| bincode::error::DecodeError::OtherString(text.to_owned());
        let length = u64::decode(decoder)?;
        let mut bytes = [0; NAME_BYTES_MAX];
        let place = usize::try_from(length).ok().and_then(|length| bytes.get_mut(..length));
        let place = place.ok_or_else(|| invalid("a name of more than 64 bytes"))?;
        decoder.claim_bytes_read(place.len())?;
        decoder.reader().read(place)?;
        let text = std::str::from_utf8(place).map_err(|error| invalid(&error.to_string()))?;
        Name::new(text).map_err(|error| invalid(&error.to_string()))
    }
}

bincode::impl_borrow_decode!(Name);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["a", "filler-1", "Press.Hall_2", "9", &"x".repeat(64)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "ü", "a\n", "a'b", &"x".repeat(65)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
