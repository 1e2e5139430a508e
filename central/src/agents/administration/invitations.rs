//! `/agents/invitations`: codes that let one agent in, once.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use protocol::id::Name;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Administration, store};
use crate::agents::enrolment::{EnrolmentError, Wanted, invitation};
use crate::auth::{Permission, Principal};
use crate::master_data::change;
use crate::master_data::text::{self, Faults};
use crate::plants;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

const LASTS_DEFAULT_S: u64 = 3_600;
const LASTS_MIN_S: u64 = 60;
const LASTS_MAX_S: u64 = 30 * 86_400;
/// Open ones that a list has at most.
pub(super) const INVITATIONS_MAX: i64 = 1_000;

pub(super) fn router(administration: Arc<Administration>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list, invite)).routes(routes!(revoke)).with_state(administration)
}

/// An invitation that nobody has used yet. Its code is shown once, to whom made it.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct OpenInvitation {
    pub id: i32,
    pub plant: String,
    pub agent: String,
    pub created_by: String,
    /// What that person is called.
    pub created_by_name: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct InvitationList {
    at: DateTime<Utc>,
    /// The newest 1,000.
    invitations: Vec<OpenInvitation>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
}

/// Invitations that can still be used, newest first.
#[utoipa::path(get, operation_id = "list_invitations", path = "/agents/invitations", tag = "agents", params(ListParameters), responses((status = OK, body = InvitationList), Problems))]
async fn list(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<InvitationList>, Problem> {
    principal.may(Permission::ManageAgents)?;
    let at = administration.reads.now();
    let plants = principal.plants.ids();
    let mut connection = administration.reads.pool.acquire().await?;
    let invitations = store::open_invitations(&mut connection, plants, parameters.plant.as_deref(), None, at).await?;
    Ok(Json(InvitationList { at, invitations }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    /// Name of a plant.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]*$")]
    plant: String,
    /// What the agent is to be called.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]*$")]
    agent: String,
    /// How long the code is good; an hour when absent.
    #[schema(minimum = 60, maximum = 2_592_000)]
    lasts_s: Option<u64>,
    /// `host:port` at which the agent reaches central; as configured when absent.
    #[schema(min_length = 3, max_length = 200)]
    central_address: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Invited {
    invitation: OpenInvitation,
    /// What is typed or scanned on the agent's computer: `edge-agent enroll CODE`. It is shown this once.
    code: String,
    /// Where the agent will reach central.
    central_address: String,
}

/// Makes a code that lets one agent in, once.
#[utoipa::path(post, operation_id = "invite_agent", path = "/agents/invitations", tag = "agents", request_body = NewInvitation, responses((status = CREATED, body = Invited), Problems))]
async fn invite(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Content(new): Content<NewInvitation>,
) -> Result<(StatusCode, Json<Invited>), Problem> {
    principal.may(Permission::ManageAgents)?;
    let lasts_s = new.lasts_s.unwrap_or(LASTS_DEFAULT_S);
    let central_address = new.central_address.unwrap_or_else(|| administration.address.clone());
    let mut faults = Faults::default();
    faults.check("agent", text::name(&new.agent));
    if !(LASTS_MIN_S..=LASTS_MAX_S).contains(&lasts_s) {
        faults.0.push(("lasts_s", format!("{lasts_s} is not within {LASTS_MIN_S} to {LASTS_MAX_S}")));
    }
    faults.check("central_address", address(&central_address));
    change::refuse_faults(faults.0)?;
    let mut transaction = administration.pool.begin().await?;
    let plant = plants::named(&mut transaction, &principal, &new.plant).await?;
    let wanted = Wanted {
        plant,
        agent: Name::new(&new.agent).map_err(|error| Problem::bad_request(error.to_string()))?,
        address: central_address.clone(),
        created_at: administration.reads.now(),
        lasts: Duration::from_secs(lasts_s),
    };
    let (invitation, code) = invitation(wanted, administration.central, rand::random());
    let code = code.map_err(|_| Problem::bad_request("central_address: no code can carry it"))?;
    let invited = crate::agents::store::invite(&mut transaction, &invitation, &principal.actor()).await;
    let id = invited.map_err(|error| match error {
        EnrolmentError::Database(error) => error.into(),
        refused => Problem::conflict(refused.to_string()),
    })?;
    let (plants, at) = (principal.plants.ids(), administration.reads.now());
    let found = store::open_invitations(&mut transaction, plants, None, Some(id), at).await?;
    let invitation = found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such invitation"))?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, Json(Invited { invitation, code, central_address })))
}

fn address(text: &str) -> Result<(), String> {
    let expected = || format!("{text:?} is not host:port, such as central.example:7443");
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let host_is_good = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic());
    if host_is_good && text.len() <= 200 && port.parse::<u16>().is_ok_and(|port| port > 0) {
        Ok(())
    } else {
        Err(expected())
    }
}

/// Takes an invitation back that nobody has used.
#[utoipa::path(delete, operation_id = "revoke_invitation", path = "/agents/invitations/{invitation}", tag = "agents", params(("invitation" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn revoke(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    principal.may(Permission::ManageAgents)?;
    let at = administration.reads.now();
    let mut transaction = administration.pool.begin().await?;
    let found = store::open_invitations(&mut transaction, principal.plants.ids(), None, Some(id), at).await?;
    let invitation = found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such open invitation"))?;
    if !store::revoke(&mut transaction, id, &principal.name, at).await? {
        return Err(Problem::conflict("the invitation was used in this moment: disable the agent instead"));
    }
    let label = (invitation.plant.as_str(), invitation.agent.as_str());
    change::record(&mut transaction, (at, &principal), ("invitation", "revoke"), label, serde_json::json!({})).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
