//! `/board`: how all machines stand. `/live`: the same, and from then on what changes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Hub, Refused};
use crate::auth::{Access, Permission, Principal};
use crate::machines::board::BoardMachine;
use crate::web::problem::{Parameters, Problem, Problems};

pub fn router(hub: Arc<Hub>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(board)).routes(routes!(live)).with_state(hub)
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, refused.to_string())
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BoardParameters {
    /// Name of a plant; all that one may see when absent.
    plant: Option<String>,
    /// Name of a line.
    line: Option<String>,
}

/// How all machines stand. Sent as text that was made before.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Board {
    /// Central's clock: what ages count from.
    at: DateTime<Utc>,
    /// By their numbers.
    machines: Vec<BoardMachine>,
}

/// How all machines stand, from memory. Not in pages: a plant has hundreds of machines, not millions.
#[utoipa::path(get, operation_id = "board", path = "/board", tag = "machines", params(BoardParameters), responses((status = OK, body = Board), (status = NOT_MODIFIED, description = "Nothing but ages changed since the answer of that ETag."), Problems))]
async fn board(
    State(hub): State<Arc<Hub>>,
    principal: Principal,
    Parameters(parameters): Parameters<BoardParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    principal.may(Permission::Read)?;
    let answer = hub.board(&principal.plants, parameters.plant.as_deref(), parameters.line.as_deref())?;
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == answer.tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer.json).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&answer.tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Server-sent events: `board` (everything; first, and whenever what was missed is not known), `machines` (those that
/// changed, as in `board`), `removed` (`{ids}`), `changed` (`{topics}`: what other pages may look at again: agents, work,
/// master_data, stops), and `heartbeat` (`{at}`) every 10 seconds. Every event has an id; `Last-Event-ID` goes on after it.
#[utoipa::path(get, operation_id = "live", path = "/live", tag = "machines", params(("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was seen; browsers send it by themselves.")), responses((status = OK, content_type = "text/event-stream", body = String), Problems))]
async fn live(
    State(hub): State<Arc<Hub>>,
    access: Access,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    principal.may(Permission::Read)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let stream = hub.follow(&principal.plants, last)?.until(async move { access.ended(&principal).await });
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // nginx would collect events otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
