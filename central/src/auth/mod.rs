//! Who asks, and what they may.
//!
//! Every request under `/api/v1` has a [`Principal`]: a person with a session ([`session`]), or a program with a token
//! ([`tokens`]). [`access`] finds out which before a route is reached. A route names the [`Permission`] it needs and
//! filters by the principal's [`Plants`]; what lies in another plant is answered as if it were not there. What changes
//! something leaves a row in the [`audit`] log, in the same transaction.

pub mod access;
pub mod audit;
mod forwarded;
mod origin;
pub mod password;
pub mod secret;
pub mod session;
pub mod setup;
pub mod store;
pub mod throttle;
pub mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

pub use self::access::Access;
use self::audit::{Actor, ActorKind};
use self::secret::SecretHash;
use crate::database::embedded::account::name_of;
use crate::web::problem::Problem;

/// Logging in, tokens, the audit log.
pub fn routes() -> OpenApiRouter {
    session::router().merge(setup::router()).merge(tokens::routes::router()).merge(audit::routes::router())
}

/// What a person is for the plant. Each may do what those before may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[clap(rename_all = "snake_case")]
pub enum Role {
    Operator,
    ShiftLead,
    Manager,
    Administrator,
}

impl Role {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::ShiftLead => "shift_lead",
            Role::Manager => "manager",
            Role::Administrator => "administrator",
        }
    }
}

/// A word that the database holds and this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not known here: was the database written by a newer central?")]
pub struct UnknownWord(String);

impl TryFrom<String> for Role {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Role, UnknownWord> {
        let all = [Role::Operator, Role::ShiftLead, Role::Manager, Role::Administrator];
        all.into_iter().find(|role| role.as_str() == word).ok_or(UnknownWord(word))
    }
}

/// What may be done. The words are also the scopes of API tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Permission {
    /// See everything of one's plants.
    #[serde(rename = "read")]
    Read,
    /// Give stops reasons and notes, split and correct them.
    #[serde(rename = "stops:write")]
    ExplainStops,
    #[serde(rename = "master_data:write")]
    EditMasterData,
    /// Replay and discard dead letters.
    #[serde(rename = "work:write")]
    ManageWork,
    /// Let agents in, lock them out, decide between histories.
    #[serde(rename = "agents:write")]
    ManageAgents,
    /// Make users and change them, which is everything in the end.
    #[serde(rename = "users:write")]
    ManageUsers,
}

impl Permission {
    pub const ALL: [Permission; 6] = [
        Permission::Read,
        Permission::ExplainStops,
        Permission::EditMasterData,
        Permission::ManageWork,
        Permission::ManageAgents,
        Permission::ManageUsers,
    ];

    /// The least role that has it.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Permission::Read => Role::Operator,
            Permission::ExplainStops => Role::ShiftLead,
            Permission::EditMasterData | Permission::ManageWork => Role::Manager,
            Permission::ManageAgents | Permission::ManageUsers => Role::Administrator,
        }
    }

    /// The word of the scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Read => "read",
            Permission::ExplainStops => "stops:write",
            Permission::EditMasterData => "master_data:write",
            Permission::ManageWork => "work:write",
            Permission::ManageAgents => "agents:write",
            Permission::ManageUsers => "users:write",
        }
    }
}

impl std::str::FromStr for Permission {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Permission, UnknownWord> {
        let found = Permission::ALL.into_iter().find(|permission| permission.as_str() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

/// The plants a principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plants {
    All,
    Only(Arc<[i32]>),
}

impl Plants {
    /// For SQL: `($1::int[] IS NULL OR plant_id = ANY ($1))`.
    #[must_use]
    pub fn ids(&self) -> Option<&[i32]> {
        match self {
            Plants::All => None,
            Plants::Only(ids) => Some(ids),
        }
    }

    #[must_use]
    pub fn contain(&self, plant_id: i32) -> bool {
        self.ids().is_none_or(|ids| ids.contains(&plant_id))
    }
}

impl From<Option<Vec<i32>>> for Plants {
    fn from(ids: Option<Vec<i32>>) -> Plants {
        ids.map_or(Plants::All, |ids| Plants::Only(ids.into()))
    }
}

/// What a request was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    Session {
        user_id: i32,
        hash: SecretHash,
    },
    Token {
        token_id: i32,
        hash: SecretHash,
        scopes: Arc<[Permission]>,
    },
    /// Whoever may run central's own commands on its computer.
    Command,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Principal {
    /// What the audit log and corrections call them.
    pub name: Arc<str>,
    /// Of a token: the least role that has all of its scopes.
    pub role: Role,
    pub plants: Plants,
    pub credential: Credential,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl Principal {
    /// Whoever runs one of central's own commands; and tests of routes, as an extension of the request.
    #[must_use]
    pub fn command(name: &str) -> Principal {
        let (role, plants) = (Role::Administrator, Plants::All);
        Principal { name: name.into(), role, plants, credential: Credential::Command, address: None }
    }

    /// The person who runs this program, as far as this computer knows. No user can be called that: a user's name has no
    /// colon.
    #[must_use]
    pub fn of_account() -> Principal {
        let account = std::env::var("SUDO_USER").unwrap_or_else(|_| name_of(Uid::current()));
        Principal::command(&format!("cli:{account}"))
    }

    /// Refuses a principal that may not.
    pub fn may(&self, permission: Permission) -> Result<(), Problem> {
        let refused = match &self.credential {
            _ if self.role < permission.role() => "your role does not allow this; ask an administrator".to_owned(),
            Credential::Token { scopes, .. } if !scopes.contains(&permission) => {
                format!("this token lacks the scope {}", permission.as_str())
            }
            _ => return Ok(()),
        };
        Err(Problem::new(StatusCode::FORBIDDEN, refused))
    }

    /// What they may do.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        Permission::ALL.into_iter().filter(|permission| self.may(*permission).is_ok()).collect()
    }

    /// The person, where it is one.
    #[must_use]
    pub fn user_id(&self) -> Option<i32> {
        match self.credential {
            Credential::Session { user_id, .. } => Some(user_id),
            Credential::Token { .. } | Credential::Command => None,
        }
    }

    /// For the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor<'_> {
        let kind = match self.credential {
            Credential::Session { .. } => ActorKind::User,
            Credential::Token { .. } => ActorKind::Token,
            Credential::Command => ActorKind::Command,
        };
        Actor { kind, name: &self.name, address: self.address }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Principal, Problem> {
        parts.extensions.get::<Principal>().cloned().ok_or_else(access::nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &[Permission]) -> Principal {
        let role = tokens::least_role(scopes);
        let credential = Credential::Token { token_id: 1, hash: SecretHash([0; 32]), scopes: scopes.into() };
        Principal { role, credential, ..Principal::command("erp") }
    }

    #[test]
    fn a_role_may_what_those_before_it_may() {
        for (role, expected) in
            [(Role::Operator, 1), (Role::ShiftLead, 2), (Role::Manager, 4), (Role::Administrator, 6)]
        {
            let principal = Principal { role, ..Principal::command("anna") };
            assert_eq!(principal.permissions().len(), expected, "{role:?}");
        }
    }

    #[test]
    fn a_token_may_exactly_what_its_scopes_say() {
        for scope in Permission::ALL {
            assert_eq!(token(&[scope]).permissions(), [scope]);
            assert_eq!(scope.as_str().parse::<Permission>().unwrap(), scope);
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert_eq!(token(&Permission::ALL).permissions(), Permission::ALL);
    }
}
