//! `/stops` and `/machines/{machine}/stops`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stops::store::{self, Candidate};
use super::stops::{Stop, stops};
use crate::auth::{Permission, Principal};
use crate::machines::subject::{self, Subject};
use crate::web::Reads;
use crate::web::page::{self, Place};
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{MONTH, span};

const STOPS_DEFAULT: i64 = 100;
const STOPS_MAX: i64 = 500;
const MACHINES_MAX: i64 = 2_000;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list_stops)).routes(routes!(machine_stops)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PlantParameters {
    /// Name of a plant; all that one may see when absent.
    plant: Option<String>,
    /// Name of a line.
    line: Option<String>,
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
    /// Only stops without a reason that need one.
    #[serde(default)]
    unexplained: bool,
    /// Microstops too; without them unless asked for.
    #[serde(default)]
    micro: bool,
    /// With everything that was said of each stop, in order.
    #[serde(default)]
    history: bool,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MachineParameters {
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
    /// Only stops without a reason that need one.
    #[serde(default)]
    unexplained: bool,
    /// Microstops too; without them unless asked for.
    #[serde(default)]
    micro: bool,
    /// With everything that was said of each stop, in order.
    #[serde(default)]
    history: bool,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A stop and where it was.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StopItem {
    plant: String,
    machine_id: i32,
    machine: String,
    #[serde(flatten)]
    stop: Stop,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StopList {
    /// Central's clock.
    at: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Newest first. Those that overlap the span; one that was split is as many as it has parts. A page may hold fewer
    /// than `limit`, or more when stops were split: only `next` says whether another follows.
    stops: Vec<StopItem>,
    next: Option<String>,
}

/// Stops across machines, newest first.
#[utoipa::path(
    get, operation_id = "list_stops", path = "/stops", tag = "downtime", params(PlantParameters),
    responses((status = OK, body = StopList), Problems)
)]
async fn list_stops(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(asked): Parameters<PlantParameters>,
) -> Result<Json<StopList>, Problem> {
    principal.may(Permission::Read)?;
    let filter = subject::store::Filter {
        plants: principal.plants.ids(),
        plant: asked.plant.as_deref(),
        line: asked.line.as_deref(),
        ..subject::store::Filter::default()
    };
    let machines = subject::store::subjects(&reads.pool, filter, MACHINES_MAX + 1).await?;
    if machines.len() > usize::try_from(MACHINES_MAX).unwrap_or(usize::MAX) {
        return Err(Problem::bad_request("that is more than 2000 machines: ask for one plant or line"));
    }
    let asked = MachineParameters {
        from: asked.from,
        to: asked.to,
        unexplained: asked.unexplained,
        micro: asked.micro,
        history: asked.history,
        limit: asked.limit,
        cursor: asked.cursor,
    };
    list(&reads, &machines, &asked).await
}

/// Stops of a machine, newest first.
#[utoipa::path(
    get, operation_id = "machine_stops", path = "/machines/{machine}/stops", tag = "downtime",
    params(("machine" = i32, Path), MachineParameters), responses((status = OK, body = StopList), Problems)
)]
async fn machine_stops(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(asked): Parameters<MachineParameters>,
) -> Result<Json<StopList>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    list(&reads, &[subject], &asked).await
}

async fn list(reads: &Reads, machines: &[Subject], asked: &MachineParameters) -> Result<Json<StopList>, Problem> {
    let limit = page::limit(asked.limit, STOPS_DEFAULT, STOPS_MAX)?;
    let at = reads.now();
    let span = span(asked.from, asked.to, at, MONTH)?;
    let after = page::place(asked.cursor.as_deref())?;
    let ids: Vec<i32> = machines.iter().map(|machine| machine.id).collect();
    let mut candidates = store::began_within(&reads.pool, &ids, span, asked.unexplained, after, limit + 1).await?;
    let last = page::next(&mut candidates, limit, Candidate::place);
    if last.is_none() {
        candidates.extend(store::going_on_at(&reads.pool, &ids, span.from).await?);
    }
    candidates.sort_unstable();
    candidates.dedup_by_key(|it| (it.machine_id, it.agent_id, it.stop));
    let mut connection = reads.pool.acquire().await?;
    let entries = store::entries(&mut connection, &candidates).await?;
    let by_id: HashMap<i32, &Subject> = machines.iter().map(|machine| (machine.id, machine)).collect();
    let mut found = stops(&entries, |machine, agent| evidence_end(by_id.get(&machine).copied(), agent, at));
    found.retain(|stop| on_page(stop, after, last) && stop.overlaps(span));
    found.retain(|stop| if asked.unexplained { stop.unexplained } else { asked.micro || stop.micro != Some(true) });
    let stops = found.into_iter().filter_map(|mut stop| {
        if !asked.history {
            stop.history = None;
        }
        let machine = by_id.get(&stop.machine_id)?;
        Some(StopItem { plant: machine.plant.clone(), machine_id: machine.id, machine: machine.name.clone(), stop })
    });
    Ok(Json(StopList {
        at,
        from: span.from,
        to: span.to,
        stops: stops.collect(),
        next: last.map(|last| last.to_string()),
    }))
}

/// Up to when it is known that a stop of this agent goes on: not at all when the machine is another agent's by now.
fn evidence_end(machine: Option<&Subject>, agent: i32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    machine.filter(|machine| machine.agent_id == agent)?.evidence_end(now)
}

/// Whether the whole stop belongs between two cursors.
fn on_page(stop: &Stop, after: Option<Place>, last: Option<Place>) -> bool {
    let key = (stop.root_began_at, [stop.machine_id.into(), stop.agent_id.into(), stop.root]);
    after.is_none_or(|after| key < (after.at, after.keys)) && last.is_none_or(|last| key >= (last.at, last.keys))
}
