//! Tokens of programs: 256 random bits, shown once, kept as a hash. A token may what its scopes say, in its plants, until
//! it expires or is revoked. It belongs to nobody: it outlives whoever made it.

pub mod routes;
pub mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Permission, Plants, Role};
use crate::web::problem::Problem;

/// A token, without its secret.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Token {
    pub id: i32,
    pub name: String,
    /// What the token's text begins with, after `central_`.
    pub prefix: String,
    pub scopes: Vec<Permission>,
    /// Whether all plants are seen with it, also those to come.
    pub all_plants: bool,
    /// Ids of the plants that are seen with it, where not all.
    pub plants: Vec<i32>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// To the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub revoked_by: Option<String>,
}

/// A token to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub scopes: Vec<Permission>,
    pub plants: Plants,
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("another token has that name; revoke it first, or choose another name")]
    NameTaken,
    #[error("there is no such token")]
    NotFound,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Problem {
        match error {
            TokenError::NameTaken => Problem::conflict(error.to_string()),
            TokenError::NotFound => Problem::not_found(error.to_string()),
            TokenError::Database(error) => error.into(),
        }
    }
}

/// The least role that has all of these.
#[must_use]
pub fn least_role(scopes: &[Permission]) -> Role {
    scopes.iter().map(|scope| scope.role()).max().unwrap_or(Role::Operator)
}
