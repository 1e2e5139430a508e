//! `/shift-log` and `/machines/{machine}/shift-log`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::log::store::{self, Filter, LogRow};
use crate::auth::{Permission, Principal};
use crate::machines::subject;
use crate::web::Reads;
use crate::web::page::{self, Place};
use crate::web::problem::{Parameters, Problem, Problems, Segments};
use crate::web::span::{SpanPage, SpanParameters};

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(list_shift_log)).routes(routes!(machine_shift_log)).with_state(reads)
}

/// What an entry of the shift log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum EntryKind {
    OperatorOn,
    OperatorOff,
    Note,
}

impl EntryKind {
    fn word(self) -> &'static str {
        match self {
            EntryKind::OperatorOn => "operator_on",
            EntryKind::OperatorOff => "operator_off",
            EntryKind::Note => "note",
        }
    }
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PlantParameters {
    /// Name of a plant; all that one may see when absent.
    plant: Option<String>,
    /// Only entries of this kind.
    #[param(inline)]
    entry: Option<EntryKind>,
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MachineParameters {
    /// Only entries of this kind.
    #[param(inline)]
    entry: Option<EntryKind>,
    /// Inclusive; 24 hours before `to` when absent.
    from: Option<DateTime<Utc>>,
    /// Exclusive; now when absent, and an hour more, as an agent's clock may be ahead. At most 31 days after `from`.
    to: Option<DateTime<Utc>>,
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Somebody came, left, or handed something over.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ShiftLogItem {
    at: DateTime<Utc>,
    clock: String,
    plant: String,
    agent: String,
    machine_id: Option<i32>,
    machine: Option<String>,
    /// Where it was entered, when not at one machine.
    station: Option<String>,
    /// `operator_on`, `operator_off`, `note`.
    entry: String,
    /// Number of the operator.
    operator: Option<String>,
    operator_name: Option<String>,
    note: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ShiftLog {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// Newest first.
    entries: Vec<ShiftLogItem>,
    next: Option<String>,
}

/// Log-ons and handover notes of all stations, newest first.
#[utoipa::path(
    get, operation_id = "list_shift_log", path = "/shift-log", tag = "shifts", params(PlantParameters),
    responses((status = OK, body = ShiftLog), Problems)
)]
async fn list_shift_log(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(asked): Parameters<PlantParameters>,
) -> Result<Json<ShiftLog>, Problem> {
    principal.may(Permission::Read)?;
    let filter = Filter { plants: principal.plants.ids(), plant: asked.plant.as_deref(), ..Filter::default() };
    let PlantParameters { entry, from, to, limit, cursor, .. } = asked;
    log(&reads, filter, entry, SpanParameters { from, to, limit, cursor }).await
}

/// Log-ons and handover notes at a machine and at the stations of its agent, newest first.
#[utoipa::path(
    get, operation_id = "machine_shift_log", path = "/machines/{machine}/shift-log", tag = "shifts",
    params(("machine" = i32, Path), MachineParameters), responses((status = OK, body = ShiftLog), Problems)
)]
async fn machine_shift_log(
    State(reads): State<Reads>,
    principal: Principal,
    Segments(machine): Segments<i32>,
    Parameters(asked): Parameters<MachineParameters>,
) -> Result<Json<ShiftLog>, Problem> {
    let subject = subject::find(&reads, &principal, machine).await?;
    let plants = [subject.plant_id];
    let filter = Filter { plants: Some(&plants), machine: Some((subject.id, subject.agent_id)), ..Filter::default() };
    let MachineParameters { entry, from, to, limit, cursor } = asked;
    log(&reads, filter, entry, SpanParameters { from, to, limit, cursor }).await
}

async fn log(
    reads: &Reads,
    filter: Filter<'_>,
    entry: Option<EntryKind>,
    asked: SpanParameters,
) -> Result<Json<ShiftLog>, Problem> {
    let SpanPage { span, after, limit } = asked.page(reads.now())?;
    let filter = Filter { entry: entry.map(EntryKind::word), ..filter };
    let mut rows = store::entries(&reads.pool, filter, span, after, limit + 1).await?;
    let place = |row: &LogRow| Place { at: row.at, keys: [row.agent_id.into(), row.epoch.into(), row.seq] };
    let next = page::next(&mut rows, limit, |last| place(last).to_string());
    let entries = rows.into_iter().map(|row| ShiftLogItem {
        at: row.at,
        clock: row.clock,
        plant: row.plant,
        agent: row.agent,
        machine_id: row.machine_id,
        machine: row.machine,
        station: row.station,
        entry: row.entry,
        operator: row.operator,
        operator_name: row.operator_name,
        note: row.note,
    });
    Ok(Json(ShiftLog { from: span.from, to: span.to, entries: entries.collect(), next }))
}
