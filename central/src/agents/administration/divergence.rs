//! `/agents/{agent}/divergence`: two histories under one name, or a central that was restored, and a person's decision.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Administration, existing};
use crate::agents::divergence::words::{advice, instance, resolved_text, spell_instance};
use crate::agents::divergence::{self, Choice, Claimant, ResolveError};
use crate::agents::overview::Agent;
use crate::auth::{Permission, Principal};
use crate::sync::store::reason_word;
use crate::web::problem::{Content, Problem, Problems, Segments};

pub(super) fn router(administration: Arc<Administration>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(one)).routes(routes!(resolve)).with_state(administration)
}

/// An agent's latest divergence, and who claims its log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DivergenceDetails {
    id: i64,
    /// `content`, `rewound`, `copied` or `claimed_by_agent`.
    reason: &'static str,
    text: String,
    /// What to do, and what to know before.
    advice: &'static str,
    /// First sequence at which the histories differ, where that is known.
    fork_seq: Option<i64>,
    /// Events up to here are committed and stay so, whatever is decided.
    committed_seq: i64,
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    refused_batches: i64,
    resolved_at: Option<DateTime<Utc>>,
    resolved_by: Option<String>,
    instances: Vec<ClaimingInstance>,
}

/// A process that claims the agent's log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ClaimingInstance {
    /// What a decision names it by.
    instance: String,
    /// How often it has been started.
    starts: u32,
    host: Option<String>,
    peer_address: Option<String>,
    /// Its events are what is committed.
    listened_to: bool,
    newest_seq: i64,
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    /// A person accepted it.
    accepted: bool,
}

impl From<Claimant> for ClaimingInstance {
    fn from(it: Claimant) -> ClaimingInstance {
        ClaimingInstance {
            instance: spell_instance(it.instance),
            starts: it.instance.starts,
            host: it.host,
            peer_address: it.peer_address,
            listened_to: it.listened_to,
            newest_seq: it.newest_seq,
            first_seen_at: it.first_seen_at,
            last_seen_at: it.last_seen_at,
            accepted: it.accepted,
        }
    }
}

/// The latest divergence of an agent, open or resolved.
#[utoipa::path(get, operation_id = "agent_divergence", path = "/agents/{agent}/divergence", tag = "agents", params(("agent" = uuid::Uuid, Path)), responses((status = OK, body = DivergenceDetails), Problems))]
async fn one(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
) -> Result<Json<DivergenceDetails>, Problem> {
    principal.may(Permission::Read)?;
    let agent = existing(&administration, &principal, uuid).await?;
    let found = of(&administration, &agent).await?;
    Ok(Json(DivergenceDetails {
        id: found.id,
        reason: reason_word(found.reason),
        text: found.text,
        advice: advice(found.reason),
        fork_seq: found.fork_seq,
        committed_seq: found.mark,
        first_seen_at: found.first_seen_at,
        last_seen_at: found.last_seen_at,
        refused_batches: found.refused_batches,
        resolved_at: found.resolved_at,
        resolved_by: found.resolved_by,
        instances: found.instances.into_iter().map(ClaimingInstance::from).collect(),
    }))
}

async fn of(administration: &Administration, agent: &Agent) -> Result<divergence::Divergence, Problem> {
    divergence::store::of_agent(&administration.reads.pool, agent.id)
        .await?
        .ok_or_else(|| Problem::not_found("this agent has one history only: there is nothing to resolve"))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// The process that goes on, as the divergence lists it.
    #[schema(max_length = 40, pattern = "^[0-9]{1,10}/[0-9a-f]{16}$")]
    accept: String,
    /// Decide anew where a person has decided before; refused without it.
    #[serde(default)]
    again: bool,
}

/// What was decided.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DivergenceResolved {
    accepted: String,
    /// The accepted process goes on in it.
    epoch: u32,
    /// Its next event comes after this one.
    after_seq: u64,
    /// First of the events that central had acknowledged and has no more: recorded as a gap.
    lost_from_seq: Option<u64>,
    lost_to_seq: Option<u64>,
    /// What to do and know from here on.
    text: String,
}

/// Accepts one process: it goes on in a new epoch from where its log leaves what is committed; the others stay refused.
#[utoipa::path(post, operation_id = "resolve_divergence", path = "/agents/{agent}/divergence/resolve", tag = "agents", params(("agent" = uuid::Uuid, Path)), request_body = Decision, responses((status = OK, body = DivergenceResolved), Problems))]
async fn resolve(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(uuid): Segments<uuid::Uuid>,
    Content(decision): Content<Decision>,
) -> Result<Json<DivergenceResolved>, Problem> {
    principal.may(Permission::ManageAgents)?;
    let accepted = instance(&decision.accept).map_err(|error| Problem::bad_request(format!("accept: {error}")))?;
    let agent = existing(&administration, &principal, uuid).await?;
    let before = of(&administration, &agent).await?;
    let now = administration.reads.now();
    let by = (now, &principal.actor());
    let choice = Choice { accepted, again: decision.again };
    let done = divergence::store::resolve(&administration.pool, agent.id, choice, by).await;
    let resolved = done.map_err(|error| match error {
        ResolveError::Database(error) => error.into(),
        refused => Problem::conflict(refused.to_string()),
    })?;
    Ok(Json(DivergenceResolved {
        accepted: spell_instance(accepted),
        epoch: resolved.epoch.0,
        after_seq: resolved.after.0,
        lost_from_seq: resolved.lost.map(|(first, _)| first.0),
        lost_to_seq: resolved.lost.map(|(_, last)| last.0),
        text: resolved_text(&before, accepted, resolved),
    }))
}
