//! `/work/…`: queues, and what was given up.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Queue;
use super::dead_letters::store::{Filter, list};
use super::dead_letters::{self, DeadLetter, DeadLetterDetail, Verdict};
use super::store::{self, QueueDepth};
use crate::auth::{Permission, Principal};
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::{Reads, Writes};

const LETTERS_DEFAULT: i64 = 50;
const LETTERS_MAX: i64 = 500;

pub fn router(writes: Writes) -> OpenApiRouter {
    let reads = writes.reads.clone();
    OpenApiRouter::new()
        .routes(routes!(queues))
        .routes(routes!(dead_letters))
        .routes(routes!(dead_letter))
        .with_state(reads)
        .merge(OpenApiRouter::new().routes(routes!(replay)).routes(routes!(discard)).with_state(writes))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct QueueList {
    at: DateTime<Utc>,
    queues: Vec<QueueDepth>,
}

/// Every queue with its depth. Queues are of the whole installation, whatever plants one may see.
#[utoipa::path(get, operation_id = "list_queues", path = "/work/queues", tag = "work", responses((status = OK, body = QueueList), Problems))]
async fn queues(State(reads): State<Reads>, principal: Principal) -> Result<Json<QueueList>, Problem> {
    principal.may(Permission::Read)?;
    let at = reads.now();
    Ok(Json(QueueList { at, queues: store::depths(&reads.pool, at).await? }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LetterParameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
    /// Those of one queue; all of them when absent.
    #[param(inline)]
    queue: Option<Queue>,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DeadLetterList {
    at: DateTime<Utc>,
    /// Newest first.
    dead_letters: Vec<DeadLetter>,
    next: Option<String>,
}

/// What was given up and waits for a person.
#[utoipa::path(get, operation_id = "list_dead_letters", path = "/work/dead-letters", tag = "work", params(LetterParameters), responses((status = OK, body = DeadLetterList), Problems))]
async fn dead_letters(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(parameters): Parameters<LetterParameters>,
) -> Result<Json<DeadLetterList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, LETTERS_DEFAULT, LETTERS_MAX)?;
    let before = parameters.cursor.map(|cursor| cursor.parse().map_err(|_| page::no_cursor())).transpose()?;
    let queue = parameters.queue.map(Queue::as_str);
    let plant = parameters.plant.as_deref();
    let filter = Filter { plants: principal.plants.ids(), plant, queue, before, id: None };
    let mut found = list(&reads.pool, filter, limit + 1).await?;
    let next = page::next(&mut found, limit, |last| last.letter.id.to_string());
    let dead_letters = found.into_iter().map(|detail| detail.letter).collect();
    Ok(Json(DeadLetterList { at: reads.now(), dead_letters, next }))
}

fn unknown() -> Problem {
    Problem::not_found("there is no such dead letter; somebody may have decided on it meanwhile")
}

/// One of them, with its message and the history of its errors.
#[utoipa::path(get, operation_id = "dead_letter", path = "/work/dead-letters/{letter}", tag = "work", params(("letter" = i64, Path)), responses((status = OK, body = DeadLetterDetail), Problems))]
async fn dead_letter(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(id): Segments<i64>,
) -> Result<Json<DeadLetterDetail>, Problem> {
    principal.may(Permission::Read)?;
    let filter = Filter { plants: principal.plants.ids(), id: Some(id), ..Filter::default() };
    list(&reads.pool, filter, 1).await?.pop().map(Json).ok_or_else(unknown)
}

/// Puts the job back on its queue, with all its attempts before it again.
#[utoipa::path(post, operation_id = "replay_dead_letter", path = "/work/dead-letters/{letter}/replay", tag = "work", params(("letter" = i64, Path)), responses((status = NO_CONTENT), Problems))]
async fn replay(
    State(writes): State<Writes>,
    principal: Principal,
    Segments(id): Segments<i64>,
) -> Result<axum::http::StatusCode, Problem> {
    decide(&writes, &principal, id, Verdict::Replay).await
}

/// Lets the job be. It stays in the archive for two weeks.
#[utoipa::path(post, operation_id = "discard_dead_letter", path = "/work/dead-letters/{letter}/discard", tag = "work", params(("letter" = i64, Path)), responses((status = NO_CONTENT), Problems))]
async fn discard(
    State(writes): State<Writes>,
    principal: Principal,
    Segments(id): Segments<i64>,
) -> Result<axum::http::StatusCode, Problem> {
    decide(&writes, &principal, id, Verdict::Discard).await
}

async fn decide(
    writes: &Writes,
    principal: &Principal,
    id: i64,
    verdict: Verdict,
) -> Result<axum::http::StatusCode, Problem> {
    principal.may(Permission::ManageWork)?;
    let by = (writes.reads.now(), &principal.actor());
    match dead_letters::decide(&writes.pool, principal.plants.ids(), id, verdict, by).await {
        Ok(true) => Ok(axum::http::StatusCode::NO_CONTENT),
        Ok(false) => Err(unknown()),
        Err(error) => match error.downcast::<sqlx::Error>() {
            Ok(error) => Err(error.into()),
            Err(error) => Err(Problem::conflict(error.to_string())),
        },
    }
}
