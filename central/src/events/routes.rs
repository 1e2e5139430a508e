//! `/machines/…/events`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::Cursor;
use super::fact::{Fact, Kind};
use super::store;
use crate::auth::Principal;
use crate::machines::overview::{self, Machine};
use crate::machines::routes::{find, named};
use crate::web::Reads;
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{MONTH, Span, span};

const EVENTS_DEFAULT: i64 = 100;
const EVENTS_MAX: i64 = 1_000;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(events_by_id)).routes(routes!(events_by_name)).with_state(reads)
}

/// What happened at a machine, newest first.
#[utoipa::path(
    get, operation_id = "machine_events_by_id", path = "/machines/{machine}/events", tag = "machines",
    params(("machine" = i32, Path), EventParameters), responses((status = OK, body = EventList), Problems)
)]
async fn events_by_id(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Parameters(parameters): Parameters<EventParameters>,
) -> Result<Json<EventList>, Problem> {
    let filter = overview::store::Filter { id: Some(id), ..overview::store::Filter::default() };
    let machine = find(&reads, &principal, filter).await?;
    events(&reads, machine, parameters).await
}

/// The same, by plant and name.
#[utoipa::path(
    get, operation_id = "machine_events_by_name", path = "/machines/{machine}/{name}/events", tag = "machines",
    params(("machine" = String, Path, description = "Name of the plant"), ("name" = String, Path), EventParameters),
    responses((status = OK, body = EventList), Problems)
)]
async fn events_by_name(
    State(reads): State<Reads>,
    principal: Principal,
    Segments((plant, name)): Segments<(String, String)>,
    Parameters(parameters): Parameters<EventParameters>,
) -> Result<Json<EventList>, Problem> {
    let machine = find(&reads, &principal, named(&plant, &name)).await?;
    events(&reads, machine, parameters).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventParameters {
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead.
    to: Option<DateTime<Utc>>,
    /// Words of [`Kind`], separated by commas; all of them when absent.
    kind: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EventList {
    plant: String,
    machine: String,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Newest first.
    events: Vec<Fact>,
    next: Option<String>,
}

async fn events(reads: &Reads, machine: Machine, parameters: EventParameters) -> Result<Json<EventList>, Problem> {
    let limit = page::limit(parameters.limit, EVENTS_DEFAULT, EVENTS_MAX)?;
    let Span { from, to } = span(parameters.from, parameters.to, reads.now(), MONTH)?;
    let kinds = kinds(parameters.kind.as_deref())?;
    let after: Option<Cursor> =
        parameters.cursor.as_deref().map(str::parse).transpose().map_err(|_| page::no_cursor())?;
    let span = store::Span { machine_id: machine.id, from, to, kinds, after, limit: limit + 1 };
    let mut found = store::facts(&reads.pool, &span).await?;
    let next = page::next(&mut found, limit, |(cursor, _)| cursor.to_string());
    let events = found.into_iter().map(|(_, fact)| fact).collect();
    Ok(Json(EventList { plant: machine.plant, machine: machine.name, from, to, events, next }))
}

fn kinds(text: Option<&str>) -> Result<Vec<Kind>, Problem> {
    let Some(text) = text else { return Ok(Kind::ALL.to_vec()) };
    text.split(',')
        .map(|word| {
            Kind::from_word(word).ok_or_else(|| {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                let shown: String = word.chars().take(40).collect();
                Problem::bad_request(format!("{shown:?} is no kind of event: expected one of {}", known.join(", ")))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_words_and_unknown_ones_are_told() {
        assert_eq!(kinds(None).unwrap().len(), 10);
        assert_eq!(kinds(Some("count,shift_log")).unwrap(), [Kind::Count, Kind::ShiftLog]);
        assert!(kinds(Some("")).is_err());
        assert!(kinds(Some("count,Count")).is_err());
    }
}
