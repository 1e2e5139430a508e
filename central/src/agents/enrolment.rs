//! Letting agents in: one-time secrets and what they are good for.
//!
//! A secret has 80 random bits, is good once and for a limited time, and only its hash is kept. It is looked up by that
//! hash, so that what an attacker could learn from timing is about the hash and not about the secret.

use chrono::{DateTime, Utc};
use protocol::enrolment::{EnrolmentCode, EnrolmentReply, InvalidCode, KeyFingerprint};
use protocol::id::Name;

use crate::plants::store::Plant;

/// A one-time secret.
pub type Secret = [u8; 10];

/// What the database keeps of a secret.
#[must_use]
pub fn secret_hash(secret: &Secret) -> [u8; 32] {
    *blake3::hash(secret).as_bytes()
}

/// The secret that a request carries in hexadecimal.
#[must_use]
pub fn parse_secret(text: &str) -> Option<Secret> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?.try_into().ok()
}

/// An invitation for one agent.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub plant: Plant,
    pub agent: Name,
    /// `host:port` at which the agent reaches central.
    pub address: String,
    pub secret: Secret,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// What an invitation is made of.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub plant: Plant,
    pub agent: Name,
    /// `host:port` at which the agent reaches central.
    pub address: String,
    pub created_at: DateTime<Utc>,
    pub lasts: std::time::Duration,
}

/// An invitation, and the code that carries its secret: shown once, and kept nowhere.
pub fn invitation(
    wanted: Wanted,
    central: KeyFingerprint,
    secret: Secret,
) -> (Invitation, Result<String, InvalidCode>) {
    let mut central_key = [0; 16];
    central_key.copy_from_slice(&central.0[..16]);
    let text = EnrolmentCode { address: wanted.address.clone(), central_key, secret }.to_text();
    let invitation = Invitation {
        plant: wanted.plant,
        agent: wanted.agent,
        address: wanted.address,
        secret,
        created_at: wanted.created_at,
        expires_at: wanted.created_at + wanted.lasts,
    };
    // An address that a code cannot carry shows when the code is read.
    let checked = EnrolmentCode::parse(&text).map(|_| text);
    (invitation, checked)
}

/// Who asks to be let in.
#[derive(Debug, Clone)]
pub struct Applicant {
    pub secret: Secret,
    pub key: KeyFingerprint,
    /// The id that the agent gets if it is let in.
    pub new_id: uuid::Uuid,
    pub at: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    #[error("this enrolment code is not known here: ask for a new one (central agent invite)")]
    Unknown,
    #[error("this enrolment code has expired: ask for a new one (central agent invite)")]
    Expired,
    #[error("this enrolment code was used already: each is good once; ask for a new one (central agent invite)")]
    Used,
    #[error("this agent's key is enrolled already, as {name}: remove its identity before it is enrolled anew")]
    KeyInUse { name: String },
    #[error("an enabled agent called {name} exists already: disable it first (central agent disable {name})")]
    NameInUse { name: String },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Answer to an applicant that was let in.
pub type Enrolled = EnrolmentReply;
