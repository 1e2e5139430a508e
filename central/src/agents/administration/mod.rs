//! What administrators do with agents over the API, by the same rules as `central agent` on the command line: let one in,
//! shut one out, decide between two histories, look at what was lost, refused or set aside.
//!
//! What changes something has its row in the audit log in the transaction of the change, whoever asked for it: a release,
//! which spans several, one in each.

pub mod divergence;
pub mod invitations;
pub mod losses;
pub mod store;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use protocol::enrolment::KeyFingerprint;
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::overview::{self, Agent};
use crate::auth::{Permission, Principal};
use crate::machines;
use crate::web::Reads;
use crate::web::problem::{Problem, Problems, Segments};

/// What administering agents needs.
#[derive(Debug)]
pub struct Administration {
    pub reads: Reads,
    pub pool: PgPool,
    /// What agents know central by.
    pub central: KeyFingerprint,
    /// `host:port` at which agents reach central, unless an invitation says otherwise.
    pub address: String,
    pub future_tolerance: Duration,
}

pub fn router(administration: Arc<Administration>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(disable))
        .routes(routes!(enable))
        .with_state(administration.clone())
        .merge(invitations::router(administration.clone()))
        .merge(divergence::router(administration.clone()))
        .merge(losses::router(administration.clone()))
        .merge(machines::settings::routes::transfer_router(administration))
}

/// Refuses an agent from its next request on; what it captures stays with it.
#[utoipa::path(post, operation_id = "disable_agent", path = "/agents/{agent}/disable", tag = "agents", params(("agent" = uuid::Uuid, Path)), responses((status = OK, body = Agent), Problems))]
async fn disable(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
) -> Result<Json<Agent>, Problem> {
    set_enabled(&administration, &principal, uuid, false).await
}

/// Accepts an agent again.
#[utoipa::path(post, operation_id = "enable_agent", path = "/agents/{agent}/enable", tag = "agents", params(("agent" = uuid::Uuid, Path)), responses((status = OK, body = Agent), Problems))]
async fn enable(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
) -> Result<Json<Agent>, Problem> {
    set_enabled(&administration, &principal, uuid, true).await
}

async fn set_enabled(
    administration: &Administration,
    principal: &Principal,
    uuid: uuid::Uuid,
    enabled: bool,
) -> Result<Json<Agent>, Problem> {
    principal.may(Permission::ManageAgents)?;
    let agent = existing(administration, principal, uuid).await?;
    if agent.enabled != enabled {
        let by = (administration.reads.now(), &principal.actor());
        super::store::set_enabled(&administration.pool, agent.id, enabled, by).await.map_err(|error| {
            if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) {
                return Problem::conflict(format!(
                    "another enabled agent is called {}: disable that one first",
                    agent.name
                ));
            }
            error.into()
        })?;
    }
    existing(administration, principal, uuid).await.map(Json)
}

/// The agent, if it is of a plant of the principal's.
async fn existing(administration: &Administration, principal: &Principal, uuid: uuid::Uuid) -> Result<Agent, Problem> {
    let plants = principal.plants.ids();
    let filter = overview::store::Filter { plants, uuid: Some(uuid), ..overview::store::Filter::default() };
    let found = overview::store::agents(&administration.reads.pool, filter, 1, administration.reads.now()).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such agent"))
}
