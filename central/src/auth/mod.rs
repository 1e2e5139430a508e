//! Who asks, and what they may.
//!
//! Every request under `/api/v1` has a [`Principal`]. A route names the [`Permission`] it needs and filters by the
//! principal's [`Plants`]; what lies in another plant is answered as if it were not there.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::web::problem::Problem;

/// What a person is for the plant. Each may do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Operator,
    ShiftLead,
    Manager,
    Administrator,
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
    #[serde(rename = "users:write")]
    ManageUsers,
}

impl Permission {
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

/// Who asks.
#[derive(Debug, Clone)]
pub struct Principal {
    /// What the audit log and corrections call them.
    pub name: Arc<str>,
    pub role: Role,
    pub plants: Plants,
}

impl Principal {
    /// Refuses a principal that may not.
    pub fn may(&self, permission: Permission) -> Result<(), Problem> {
        if self.role >= permission.role() {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "your role does not allow this; ask an administrator"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Principal, Problem> {
        let found = parts.extensions.get::<Principal>().cloned();
        Ok(found.unwrap_or(Principal { name: "web".into(), role: Role::Administrator, plants: Plants::All }))
    }
}
