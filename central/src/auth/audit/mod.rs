//! Who changed what, and when. Whatever changes something calls [`record`] in the transaction of the change, so that there
//! is no change without its row and no row without its change. Rows are never changed or deleted: the database refuses.

pub mod routes;
pub mod store;

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;

pub use self::store::record;

/// Who did it.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    pub kind: ActorKind,
    pub name: &'a str,
    pub address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    User,
    Token,
    /// One of central's own commands; the name is `cli:` and the account that ran it.
    Command,
}

impl ActorKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ActorKind::User => "user",
            ActorKind::Token => "token",
            ActorKind::Command => "command",
        }
    }
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Entry<'e> {
    /// Subject and verb: `user.create`, `stop.correct`.
    pub action: &'e str,
    /// What it was done to: `user`, `stop`, …
    pub subject_kind: &'e str,
    /// The number or name of the subject.
    pub subject_id: String,
    pub plant_id: Option<i32>,
    /// What changed, from what to what; never a secret.
    pub detail: Value,
}
