//! `/machine-settings`: list, one, replace, transfer to another agent, and the signals that were read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store;
use crate::agents::administration::Administration;
use crate::auth::{Permission, Principal};
use crate::master_data::list::{Filter, Parameters as ListParameters};
use crate::master_data::text::{self, Faults};
use crate::master_data::{Editing, change};
use crate::sync::quarantine;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

/// Readings of many machines lie side by side: looking for one machine's takes as long as there are readings in this time.
const SIGNALS_OF: TimeDelta = TimeDelta::hours(1);
const MICROSTOP_MS_MAX: i64 = 3_600_000;

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one, replace))
        .routes(routes!(signals))
        .with_state(editing)
}

/// Giving a machine to another agent is a matter of agents.
pub fn transfer_router(administration: Arc<Administration>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(transfer)).with_state(administration)
}

#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct MachineSettings {
    pub id: i32,
    pub plant: String,
    pub name: String,
    pub title: String,
    /// Name of the line it stands in.
    pub line: Option<String>,
    /// A stop shorter than this is a microstop; as the agent has it when none.
    pub microstop_below_ms: Option<i64>,
    /// The one agent that may report it.
    pub agent: String,
    pub agent_uuid: uuid::Uuid,
    pub discovered_at: DateTime<Utc>,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineSettingsChange {
    /// The version that this was made from.
    pub version: i32,
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
    /// Name of a line of the plant.
    #[schema(max_length = 64)]
    pub line: Option<String>,
    #[schema(minimum = 0, maximum = 3_600_000)]
    pub microstop_below_ms: Option<i64>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct MachineSettingsList {
    at: DateTime<Utc>,
    machine_settings: Vec<MachineSettings>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Settings of machines, by plant and name.
#[utoipa::path(get, operation_id = "list_machine_settings", path = "/machine-settings", tag = "machine_settings", params(ListParameters), responses((status = OK, body = MachineSettingsList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<MachineSettingsList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut machine_settings = store::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut machine_settings, |it| (&it.plant, &it.name));
    Ok(Json(MachineSettingsList { at: editing.reads.now(), machine_settings, next }))
}

/// Settings of one machine.
#[utoipa::path(get, operation_id = "machine_settings", path = "/machine-settings/{machine}", tag = "machine_settings", params(("machine" = i32, Path)), responses((status = OK, body = MachineSettings), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<MachineSettings>, Problem> {
    principal.may(Permission::Read)?;
    existing(&mut *editing.reads.pool.acquire().await?, &principal, id).await.map(Json)
}

/// Replaces a machine's title, line and microstop threshold.
#[utoipa::path(put, operation_id = "replace_machine_settings", path = "/machine-settings/{machine}", tag = "machine_settings", params(("machine" = i32, Path)), request_body = MachineSettingsChange, responses((status = OK, body = MachineSettings), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<MachineSettingsChange>,
) -> Result<Json<MachineSettings>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let mut faults = Faults::default();
    faults.check("title", text::title(&wanted.title));
    faults.check("line", wanted.line.as_deref().map_or(Ok(()), text::name));
    faults.check("microstop_below_ms", text::within(wanted.microstop_below_ms, 0, MICROSTOP_MS_MAX));
    change::refuse_faults(faults.0)?;
    let mut transaction = editing.pool.begin().await?;
    let before = existing(&mut transaction, &principal, id).await?;
    let line = match &wanted.line {
        Some(name) => {
            let found = store::line(&mut transaction, id, name).await?;
            Some(found.ok_or_else(|| Problem::bad_request(format!("line: this plant has no line {name:?}")))?)
        }
        None => None,
    };
    if !store::update(&mut transaction, id, &wanted, line).await? {
        return Err(change::outdated("machine", wanted.version));
    }
    let after = existing(&mut transaction, &principal, id).await?;
    let detail = serde_json::json!({ "before": before, "after": after });
    let (by, label) = ((editing.reads.now(), &principal), (after.plant.as_str(), after.name.as_str()));
    change::record(&mut transaction, by, ("machine", "replace"), label, detail).await?;
    transaction.commit().await?;
    Ok(Json(after))
}

/// A signal that was read, and its last reading.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Signal {
    pub signal: String,
    /// `count` or `measurement`.
    pub kind: String,
    /// Of a count: `good`, `scrap` or `rework`.
    pub quality: Option<String>,
    pub at: DateTime<Utc>,
    /// Of a count: what the machine's counter showed, where it has one.
    pub counter: Option<i64>,
    pub number: Option<f64>,
    pub text: Option<String>,
    pub bool: Option<bool>,
    pub unit: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SignalList {
    at: DateTime<Utc>,
    /// Signals that were not read since then are not listed.
    since: DateTime<Utc>,
    signals: Vec<Signal>,
}

/// Signals of a machine that were read in the last hour.
#[utoipa::path(get, operation_id = "machine_signals", path = "/machine-settings/{machine}/signals", tag = "machine_settings", params(("machine" = i32, Path)), responses((status = OK, body = SignalList), Problems))]
async fn signals(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<SignalList>, Problem> {
    principal.may(Permission::Read)?;
    let mut connection = editing.reads.pool.acquire().await?;
    let machine = existing(&mut connection, &principal, id).await?;
    let at = editing.reads.now();
    let since = at - SIGNALS_OF;
    Ok(Json(SignalList { at, since, signals: store::signals(&mut connection, machine.id, since).await? }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Transfer {
    /// The enabled agent of the same plant that reports the machine from here on.
    agent: uuid::Uuid,
}

/// What came of a transfer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Transferred {
    machine: MachineSettings,
    /// Events that the agent had reported of it before, and that became facts.
    facts: u64,
    /// Events that stay in quarantine, because their reason still holds.
    held: u64,
}

/// Lets another agent of the plant report a machine; what it reported so far becomes facts.
#[utoipa::path(post, operation_id = "transfer_machine", path = "/machine-settings/{machine}/transfer", tag = "machine_settings", params(("machine" = i32, Path)), request_body = Transfer, responses((status = OK, body = Transferred), Problems))]
async fn transfer(
    State(administration): State<Arc<Administration>>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<Transfer>,
) -> Result<Json<Transferred>, Problem> {
    principal.may(Permission::ManageAgents)?;
    let mut connection = administration.pool.acquire().await?;
    existing(&mut connection, &principal, id).await?;
    let agent = store::agent(&mut connection, id, wanted.agent)
        .await?
        .ok_or_else(|| Problem::bad_request("agent: the machine's plant has no such enabled agent"))?;
    // What follows takes one of its own: nobody holds one while waiting for another.
    drop(connection);
    let (clock, tolerance) = (&administration.reads.clock, administration.future_tolerance);
    let by = principal.actor();
    let released = quarantine::transfer_machine(&administration.pool, clock, tolerance, (id, agent), &by)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let machine = existing(&mut *administration.pool.acquire().await?, &principal, id).await?;
    Ok(Json(Transferred { machine, facts: released.facts, held: released.held }))
}

async fn existing(
    connection: &mut sqlx::PgConnection,
    principal: &Principal,
    id: i32,
) -> Result<MachineSettings, Problem> {
    let found = store::list(connection, Filter::one(principal.plants.ids(), id)).await?;
    found.into_iter().next().ok_or_else(|| Problem::not_found("there is no such machine"))
}
