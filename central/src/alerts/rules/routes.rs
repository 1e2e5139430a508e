//! `/alerts/rules`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Rule, RuleSet, check, store};
use crate::auth::{Permission, Principal};
use crate::master_data::change;
use crate::web::Writes;
use crate::web::problem::{Content, Parameters, Problem, Problems};

pub fn router(writes: Writes) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(rules, set_rules)).with_state(writes)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PlantParameter {
    /// Name of a plant.
    plant: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PlantRules {
    plant: String,
    /// The plant's first, then those of every line.
    sets: Vec<RuleSet>,
}

/// The plant, if it is one of the principal's.
pub(in crate::alerts) async fn plant(writes: &Writes, principal: &Principal, name: &str) -> Result<i32, Problem> {
    let found = store::plant(&writes.reads.pool, principal.plants.ids(), name).await?;
    found.ok_or_else(|| Problem::not_found("there is no such plant"))
}

pub(in crate::alerts) async fn line(writes: &Writes, plant: i32, name: Option<&str>) -> Result<Option<i32>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let found = store::line(&writes.reads.pool, plant, name).await?;
    found.map(Some).ok_or_else(|| Problem::not_found("the plant has no such line"))
}

/// What counts as an incident in a plant and in each of its lines.
#[utoipa::path(get, operation_id = "alert_rules", path = "/alerts/rules", tag = "alerts", params(PlantParameter), responses((status = OK, body = PlantRules), Problems))]
async fn rules(
    State(writes): State<Writes>,
    principal: Principal,
    Parameters(PlantParameter { plant: name }): Parameters<PlantParameter>,
) -> Result<Json<PlantRules>, Problem> {
    principal.may(Permission::Read)?;
    let plant = plant(&writes, &principal, &name).await?;
    Ok(Json(PlantRules { plant: name, sets: store::effective(&writes.reads.pool, plant).await? }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SetRules {
    #[schema(min_length = 1, max_length = 64)]
    plant: String,
    /// Name of a line; the plant itself when absent.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    line: Option<String>,
    /// All that is to be set right there, at most one of each kind; kinds that are left out follow the plant, or the rule
    /// for all.
    #[schema(max_items = 5)]
    rules: Vec<Rule>,
}

/// Replaces the rules of a plant, or of one of its lines.
#[utoipa::path(put, operation_id = "set_alert_rules", path = "/alerts/rules", tag = "alerts", request_body = SetRules, responses((status = OK, body = PlantRules), Problems))]
async fn set_rules(
    State(writes): State<Writes>,
    principal: Principal,
    Content(wanted): Content<SetRules>,
) -> Result<Json<PlantRules>, Problem> {
    principal.may(Permission::EditMasterData)?;
    check(&wanted.rules).map_err(Problem::bad_request)?;
    let plant_id = plant(&writes, &principal, &wanted.plant).await?;
    let line_id = line(&writes, plant_id, wanted.line.as_deref()).await?;
    let mut transaction = writes.pool.begin().await?;
    let before = store::replace(&mut transaction, plant_id, line_id, &wanted.rules, &principal.name).await?;
    let detail = json!({ "line": wanted.line, "before": by_kind(&before), "after": by_kind(&wanted.rules) });
    let label = (wanted.plant.as_str(), wanted.line.as_deref().unwrap_or(&wanted.plant));
    let by = (writes.reads.now(), &principal);
    change::record(&mut transaction, by, ("alert_rules", "replace"), label, detail).await?;
    transaction.commit().await?;
    tracing::info!(plant = wanted.plant, line = wanted.line, by = %principal.name, "alert rules were set");
    Ok(Json(PlantRules { plant: wanted.plant, sets: store::effective(&writes.pool, plant_id).await? }))
}

/// As the audit log keeps rules: a field for each kind.
fn by_kind(rules: &[Rule]) -> serde_json::Map<String, Value> {
    let field = |rule: &Rule| {
        let set = json!({ "enabled": rule.enabled, "threshold_s": rule.threshold_s });
        (rule.kind.as_str().to_owned(), set)
    };
    rules.iter().map(field).collect()
}
