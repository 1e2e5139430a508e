//! The one code an installer types or scans, and the exchange that binds an agent's key to central.
//!
//! The code lets the agent recognise central **before** it sends the secret: it carries the first half of the SHA-256 of
//! central's public key (SubjectPublicKeyInfo). Written in Crockford's base 32 in groups of five, without I, L, O and U,
//! upper or lower case, with a check of its own, so that a typing error is told apart from a code that has expired.

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

use crate::id::{AgentId, Name};

/// SHA-256 over the DER of a SubjectPublicKeyInfo: how agent and central know each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFingerprint(pub [u8; 32]);

impl std::fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for KeyFingerprint {
    type Err = InvalidFingerprint;
    fn from_str(text: &str) -> Result<KeyFingerprint, InvalidFingerprint> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| InvalidFingerprint)?;
        Ok(KeyFingerprint(bytes.try_into().map_err(|_| InvalidFingerprint)?))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key fingerprint is 64 hexadecimal digits")]
pub struct InvalidFingerprint;

/// What the code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// `host:port` of central's port for agents.
    pub address: String,
    /// First half of central's key fingerprint.
    pub central_key: [u8; 16],
    /// Good once, until it expires.
    pub secret: [u8; 10],
}

const CODE_VERSION: u8 = 1;
const ADDRESS_BYTES_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    #[error("the enrolment code holds {0:?}, which such a code never does")]
    Character(char),
    #[error("the enrolment code is incomplete or mistyped: its check does not fit")]
    Check,
    #[error("the enrolment code is of version {0}; this agent knows version 1: update the agent")]
    Version(u8),
}

fn base32() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    specification.translate.from.push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    specification.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    specification.ignore.push_str("- \t\r\n");
    #[expect(clippy::expect_used, reason = "the specification is a constant, and a test encodes with it")]
    specification.encoding().expect("a valid base 32 specification")
}

fn check(bytes: &[u8]) -> [u8; 3] {
    let hash = blake3::hash(bytes);
    let bytes = hash.as_bytes();
    [bytes[0], bytes[1], bytes[2]]
}

impl EnrolmentCode {
    /// The code in groups of five characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = vec![CODE_VERSION];
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.central_key);
        bytes.extend_from_slice(self.address.as_bytes());
        bytes.extend_from_slice(&check(&bytes));
        let text = base32().encode(&bytes);
        let groups: Vec<&str> =
            (0..text.len()).step_by(5).map(|start| &text[start..text.len().min(start + 5)]).collect();
        groups.join("-")
    }

    pub fn parse(text: &str) -> Result<EnrolmentCode, InvalidCode> {
        let foreign = |c: &char| !(c.is_ascii_alphanumeric() && !matches!(c, 'u' | 'U') || "- \t\r\n".contains(*c));
        if let Some(character) = text.chars().find(foreign) {
            return Err(InvalidCode::Character(character));
        }
        let bytes = base32().decode(text.as_bytes()).map_err(|_| InvalidCode::Check)?;
        let (content, found) = bytes.split_last_chunk::<3>().ok_or(InvalidCode::Check)?;
        if *found != check(content) {
            return Err(InvalidCode::Check);
        }
        let (version, rest) = content.split_first().ok_or(InvalidCode::Check)?;
        if *version != CODE_VERSION {
            return Err(InvalidCode::Version(*version));
        }
        let (secret, rest) = rest.split_first_chunk::<10>().ok_or(InvalidCode::Check)?;
        let (central_key, address) = rest.split_first_chunk::<16>().ok_or(InvalidCode::Check)?;
        let address = std::str::from_utf8(address).map_err(|_| InvalidCode::Check)?;
        if address.is_empty() || address.len() > ADDRESS_BYTES_MAX {
            return Err(InvalidCode::Check);
        }
        Ok(EnrolmentCode { address: address.to_owned(), central_key: *central_key, secret: *secret })
    }

    /// Whether a server with this key is the one the code was made for.
    #[must_use]
    pub fn names(&self, key: &KeyFingerprint) -> bool {
        key.0[..16] == self.central_key
    }
}

/// Body of `POST /agent/v1/enrol` (JSON). The key is the one the connection's certificate carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// Hexadecimal of [`EnrolmentCode::secret`].
    pub secret: String,
    pub host: String,
    pub version: String,
}

/// Its answer (JSON).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentReply {
    pub agent: AgentId,
    /// What the invitation called the agent.
    pub name: Name,
    pub plant: Name,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_survives_typing(secret: [u8; 10], central_key: [u8; 16], address in "[a-z0-9.:-]{1,60}") {
            let code = EnrolmentCode { address, central_key, secret };
            let text = code.to_text();
            prop_assert_eq!(EnrolmentCode::parse(&text).unwrap(), code.clone());
            let typed = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            prop_assert_eq!(EnrolmentCode::parse(&typed).unwrap(), code);
        }

        #[test]
        fn one_wrong_character_is_noticed(secret: [u8; 10], at in 0_usize..60, by in 1_usize..31) {
            let text = EnrolmentCode { address: "central:7443".into(), central_key: [7; 16], secret }.to_text();
            let symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
            let mut characters: Vec<char> = text.chars().collect();
            let at = at % characters.len();
            if let Some(found) = symbols.find(characters[at]) {
                characters[at] = symbols.as_bytes()[(found + by) % 32] as char;
                let mistyped: String = characters.into_iter().collect();
                prop_assert!(EnrolmentCode::parse(&mistyped).is_err());
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(EnrolmentCode::parse("AB$"), Err(InvalidCode::Character('$')));
        assert_eq!(EnrolmentCode::parse(""), Err(InvalidCode::Check));
    }
}
