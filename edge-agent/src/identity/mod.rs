//! Who this agent is, and how it knows central: one file, `identity/identity.toml` in the agent's data directory, which
//! only its owner may read, because it holds the agent's private key.
//!
//! - **Who writes**: `edge-agent enroll`, once; [`Identity::write`] replaces all of it or nothing of it.
//! - **Who reads**: `edge-agent run`, at its start.
//! - **Why a retry is safe**: the key of an enrolment under way is kept in `identity/next-key.pem` until the identity
//!   that it belongs to is written. An enrolment whose answer was lost is tried again with the same key, by which central
//!   recognises it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use process::key::{KeyAndCertificate, write_private};
use protocol::enrolment::KeyFingerprint;
use protocol::id::{AgentId, Name};
use serde::{Deserialize, Serialize};

const FOLDER: &str = "identity";

/// What an enrolment gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    pub agent: AgentId,
    /// What the invitation called the agent.
    pub name: Name,
    pub plant: Name,
    /// `host:port` of central's port for agents.
    pub address: String,
    pub central_key: KeyFingerprint,
    /// The agent's private key, PKCS #8 in PEM.
    key_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("agent", &self.agent)
            .field("name", &self.name)
            .field("plant", &self.plant)
            .field("address", &self.address)
            .field("central_key", &self.central_key)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    agent: AgentId,
    name: Name,
    plant: Name,
    address: String,
    central_key: String,
    key_pem: String,
}

impl Identity {
    /// The identity kept in `data_dir`; none before the first enrolment.
    pub fn read(data_dir: &Path) -> anyhow::Result<Option<Identity>> {
        let file = file(data_dir);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read the identity in {}", file.display())),
        };
        Identity::from_text(&text).map(Some).with_context(|| {
            format!("the identity in {} is damaged: restore the file, or enrol again with --replace", file.display())
        })
    }

    fn from_text(text: &str) -> anyhow::Result<Identity> {
        // The parser's own message would quote the line, which may be the key.
        let stored: Stored = toml::from_str(text).map_err(|error| anyhow::anyhow!(error.message().to_owned()))?;
        let Stored { agent, name, plant, address, central_key, key_pem } = stored;
        Ok(Identity { agent, name, plant, address, central_key: central_key.parse()?, key_pem })
    }

    /// Replaces the identity in `data_dir`, durably.
    pub fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let file = file(data_dir);
        let Identity { agent, name, plant, address, central_key, key_pem } = self.clone();
        let text =
            toml::to_string(&Stored { agent, name, plant, address, central_key: central_key.to_string(), key_pem })?;
        write_private(&file, text.as_bytes())
            .with_context(|| format!("cannot write the identity to {}", file.display()))?;
        forget_next_key(data_dir)
    }

    /// The key, in the self-signed certificate by which central recognises it.
    pub fn key(&self) -> anyhow::Result<KeyAndCertificate> {
        KeyAndCertificate::from_pem(&self.key_pem, &self.name)
    }
}

/// The key of an enrolment under way, made at its first attempt.
#[derive(Debug)]
pub struct NextKey {
    pub key: KeyAndCertificate,
    pem: String,
}

impl NextKey {
    pub fn read_or_make(data_dir: &Path) -> anyhow::Result<NextKey> {
        let file = next_key_file(data_dir);
        let key = KeyAndCertificate::read_or_make(&file, "edge-agent")?;
        let pem = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(NextKey { key, pem })
    }

    /// The identity that central gave to this key.
    #[must_use]
    pub fn becomes(
        self,
        agent: AgentId,
        name: Name,
        plant: Name,
        address: String,
        central_key: KeyFingerprint,
    ) -> Identity {
        Identity { agent, name, plant, address, central_key, key_pem: self.pem }
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join("identity.toml")
}

fn next_key_file(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join("next-key.pem")
}

fn forget_next_key(data_dir: &Path) -> anyhow::Result<()> {
    let file = next_key_file(data_dir);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolled(data_dir: &Path) -> Identity {
        let next = NextKey::read_or_make(data_dir).unwrap();
        let name = |text| Name::new(text).unwrap();
        let agent = AgentId(uuid::Uuid::from_u128(7));
        next.becomes(agent, name("line-1"), name("north"), "central:7443".to_owned(), KeyFingerprint([9; 32]))
    }

    #[test]
    fn an_identity_is_read_as_it_was_written_and_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Identity::read(folder.path()).unwrap(), None);
        let identity = enrolled(folder.path());
        identity.write(folder.path()).unwrap();
        assert_eq!(Identity::read(folder.path()).unwrap(), Some(identity.clone()));
        assert!(!next_key_file(folder.path()).exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(file(folder.path())).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(!format!("{identity:?}").contains("PRIVATE"));
    }

    #[test]
    fn an_enrolment_that_is_tried_again_uses_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let first = NextKey::read_or_make(folder.path()).unwrap();
        let second = NextKey::read_or_make(folder.path()).unwrap();
        assert_eq!(first.key.fingerprint, second.key.fingerprint);
        let identity = enrolled(folder.path());
        assert_eq!(identity.key().unwrap().fingerprint, first.key.fingerprint);
        identity.write(folder.path()).unwrap();
        assert_ne!(NextKey::read_or_make(folder.path()).unwrap().key.fingerprint, first.key.fingerprint);
    }

    #[test]
    fn a_damaged_identity_is_told_without_its_key() {
        let folder = tempfile::tempdir().unwrap();
        enrolled(folder.path()).write(folder.path()).unwrap();
        let text = std::fs::read_to_string(file(folder.path())).unwrap();
        std::fs::write(file(folder.path()), text.replace("plant", "plnat")).unwrap();
        let message = format!("{:#}", Identity::read(folder.path()).unwrap_err());
        assert!(message.contains("enrol again with --replace") && !message.contains("PRIVATE"), "{message}");
    }
}
