//! The station's API under `/api/station`, and the page itself.

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use data_encoding::BASE64;
use rust_embed::RustEmbed;
use screens::Pages;
use serde::de::DeserializeOwned;

use super::api::{
    Help, JobChange, LogOff, LogOn, Pieces, Refusal, RefusalCode, Scan, ShiftNote, StopNote, StopReason, StopSplit,
    Stored, Undo, View,
};
use super::desk::Command;
use super::guard::{self, Guard};
use super::live::Live;
use super::shell::{Proof, SCAN_BYTES_MAX, Station};

/// The longest entry is a scan or a note.
const BODY_BYTES_MAX: usize = 16 * 1024;

#[derive(RustEmbed)]
#[folder = "station-page/dist"]
#[allow_missing = true]
struct StationPage;

#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) station: Station,
    pub(super) live: Live,
}

type Answer = Result<Json<Stored>, Refusal>;

pub(super) fn router(served: Served, guard: Guard) -> Router {
    let api = Router::new()
        .route("/view", get(view))
        .route("/live", get(live))
        .route("/log-on", post(log_on))
        .route("/log-off", post(log_off))
        .route("/job", post(job))
        .route("/pieces", post(pieces))
        .route("/pieces/undo", post(undo))
        .route("/stop/reason", post(stop_reason))
        .route("/stop/note", post(stop_note))
        .route("/stop/split", post(stop_split))
        .route("/shift-note", post(shift_note))
        .route("/help", post(help))
        .route("/scan", post(scan))
        .method_not_allowed_fallback(|| async {
            refused(StatusCode::METHOD_NOT_ALLOWED, "This is not asked for in this way.")
        })
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "There is nothing here.") })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(served);
    Router::new()
        .nest("/api/station", api)
        .fallback_service(Pages::embedded::<StationPage>().router::<()>().with_state(()))
        .layer(middleware::from_fn_with_state(guard, guard::watch))
}

fn refused(status: StatusCode, detail: &str) -> Response {
    (status, Json(RefusalCode::Invalid.because(detail))).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.code {
            RefusalCode::Invalid => StatusCode::BAD_REQUEST,
            RefusalCode::UnknownBadge | RefusalCode::WrongPin | RefusalCode::NotLoggedOn => StatusCode::FORBIDDEN,
            RefusalCode::Locked => StatusCode::TOO_MANY_REQUESTS,
            RefusalCode::UnknownOperator
            | RefusalCode::UnknownWorkOrder
            | RefusalCode::UnknownMachine
            | RefusalCode::UnknownStop
            | RefusalCode::UnknownReason => StatusCode::NOT_FOUND,
            RefusalCode::TooLate
            | RefusalCode::NoPin
            | RefusalCode::JobNotRunning
            | RefusalCode::StopNotOver
            | RefusalCode::NotAllowed => StatusCode::CONFLICT,
            RefusalCode::NotStored => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}

/// A JSON body, within limits; anything else is a [`Refusal`].
struct Content<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Content<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Content<T>, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Entries are sent as application/json."));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            refused(
                rejection.status(),
                &format!("The entry cannot be read; it may have at most {BODY_BYTES_MAX} bytes."),
            )
        })?;
        let content = serde_json::from_slice(&bytes);
        content.map(Content).map_err(|error| refused(StatusCode::BAD_REQUEST, &format!("The entry is wrong: {error}.")))
    }
}

async fn view(State(served): State<Served>) -> Result<Json<View>, Refusal> {
    let view = served.station.view().await;
    view.map(Json).map_err(|error| RefusalCode::NotStored.because(format!("The agent's log does not answer: {error}")))
}

async fn live(State(served): State<Served>) -> Response {
    let Some(stream) = served.live.open() else {
        let detail = "Too many pages watch this station. Close one of them.";
        return (StatusCode::SERVICE_UNAVAILABLE, Json(RefusalCode::NotAllowed.because(detail))).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::new(stream)).into_response()
}

async fn log_on(State(served): State<Served>, Content(asked): Content<LogOn>) -> Answer {
    let proof = match (asked.badge, asked.number, asked.pin) {
        (Some(badge), None, None) => Proof::Badge(badge),
        (None, Some(number), Some(pin)) => Proof::Pin { number, pin },
        _ => return Err(RefusalCode::Invalid.because("Log on with a badge, or with number and PIN.")),
    };
    served.station.log_on(asked.id, proof).await.map(Json)
}

async fn log_off(State(served): State<Served>, Content(asked): Content<LogOff>) -> Answer {
    served.station.store(asked.id, Command::LogOff { operator: asked.operator }).await.map(Json)
}

async fn job(State(served): State<Served>, Content(asked): Content<JobChange>) -> Answer {
    let JobChange { id, operator, machine, action, work_order } = asked;
    served.station.store(id, Command::Job { operator, machine, action, work_order }).await.map(Json)
}

async fn pieces(State(served): State<Served>, Content(asked): Content<Pieces>) -> Answer {
    let Pieces { id, operator, machine, good, scrap, rework, reason } = asked;
    let counts = [good, scrap, rework];
    served.station.store(id, Command::Pieces { operator, machine, counts, reason }).await.map(Json)
}

async fn undo(State(served): State<Served>, Content(asked): Content<Undo>) -> Answer {
    served.station.store(asked.id, Command::Undo { operator: asked.operator }).await.map(Json)
}

async fn stop_reason(State(served): State<Served>, Content(asked): Content<StopReason>) -> Answer {
    let StopReason { id, operator, machine, stop, reason } = asked;
    served.station.store(id, Command::StopReason { operator, machine, stop, reason }).await.map(Json)
}

async fn stop_note(State(served): State<Served>, Content(asked): Content<StopNote>) -> Answer {
    let StopNote { id, operator, machine, stop, note } = asked;
    served.station.store(id, Command::StopNote { operator, machine, stop, note }).await.map(Json)
}

async fn stop_split(State(served): State<Served>, Content(asked): Content<StopSplit>) -> Answer {
    let StopSplit { id, operator, machine, stop, from } = asked;
    served.station.store(id, Command::StopSplit { operator, machine, stop, from: from.0 }).await.map(Json)
}

async fn shift_note(State(served): State<Served>, Content(asked): Content<ShiftNote>) -> Answer {
    let ShiftNote { id, operator, machine, note } = asked;
    served.station.store(id, Command::ShiftNote { operator, machine, note }).await.map(Json)
}

async fn help(State(served): State<Served>, Content(asked): Content<Help>) -> Answer {
    let Help { id, operator, machine, active } = asked;
    served.station.store(id, Command::Help { operator, machine, active }).await.map(Json)
}

async fn scan(State(served): State<Served>, Content(asked): Content<Scan>) -> Answer {
    let invalid = |detail: &str| RefusalCode::Invalid.because(detail);
    if asked.raw.len() > SCAN_BYTES_MAX.div_ceil(3) * 4 {
        return Err(invalid("The code is too long. Scan one code at a time."));
    }
    let raw =
        BASE64.decode(asked.raw.as_bytes()).map_err(|_| invalid("The code did not arrive whole. Scan it again."))?;
    served.station.scan(asked.id, &raw, asked.operator, asked.machine).await.map(Json)
}
