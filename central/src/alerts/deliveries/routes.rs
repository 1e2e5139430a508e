//! `/alerts/deliveries`: what was sent to whom, and what came back.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{NoticeKind, store};
use crate::alerts::channels::ChannelKind;
use crate::alerts::rules::IncidentKind;
use crate::auth::{Permission, Principal};
use crate::web::Reads;
use crate::web::page;
use crate::web::problem::{Parameters, Problem, Problems};

const DELIVERIES_DEFAULT: i64 = 50;
const DELIVERIES_MAX: i64 = 200;

pub fn router(reads: Reads) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(deliveries)).with_state(reads)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryParameters {
    /// Name of a plant; all that one may see when absent.
    #[param(max_length = 64)]
    plant: Option<String>,
    /// Only this one.
    delivery: Option<Uuid>,
    /// Those of one incident.
    incident: Option<i64>,
    /// Those to one channel.
    channel: Option<i32>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum DeliveryState {
    /// For its first attempt, or its next one.
    Waiting,
    Sending,
    Sent,
    /// Given up.
    Failed,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Delivery {
    id: Uuid,
    plant: String,
    channel_id: i32,
    channel: ChannelKind,
    address: String,
    /// None of a test.
    incident_id: Option<i64>,
    incident_kind: Option<IncidentKind>,
    /// What people call what the incident is about.
    incident_title: Option<String>,
    notice: NoticeKind,
    state: DeliveryState,
    created_at: DateTime<Utc>,
    /// When its last attempt ended.
    settled_at: Option<DateTime<Utc>>,
    attempts: Vec<store::AttemptRow>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DeliveryList {
    /// Newest first.
    deliveries: Vec<Delivery>,
    next: Option<String>,
}

/// What was sent to whom, and what came back.
#[utoipa::path(get, operation_id = "list_alert_deliveries", path = "/alerts/deliveries", tag = "alerts", params(DeliveryParameters), responses((status = OK, body = DeliveryList), Problems))]
async fn deliveries(
    State(reads): State<Reads>,
    principal: Principal,
    Parameters(parameters): Parameters<DeliveryParameters>,
) -> Result<Json<DeliveryList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, DELIVERIES_DEFAULT, DELIVERIES_MAX)?;
    let filter = store::Filter {
        plants: principal.plants.ids(),
        plant: parameters.plant.as_deref(),
        delivery: parameters.delivery,
        incident: parameters.incident,
        channel: parameters.channel,
        before: parameters.cursor.as_deref().map(|text| place(text).ok_or_else(page::no_cursor)).transpose()?,
    };
    let mut rows = store::deliveries(&reads.pool, filter, limit + 1).await?;
    let next = page::next(&mut rows, limit, |last| format!("{}.{}", last.created_at.timestamp_micros(), last.id));
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let attempts = store::attempts(&reads.pool, &ids).await?;
    let deliveries = rows.into_iter().filter_map(|row| shown(row, &attempts)).collect();
    Ok(Json(DeliveryList { deliveries, next }))
}

fn place(cursor: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = cursor.split_once('.')?;
    // What PostgreSQL can hold, too.
    let at = at.parse().ok().filter(|us| (0..=4_000_000_000_000_000_i64).contains(us))?;
    Some((DateTime::from_timestamp_micros(at)?, id.parse().ok()?))
}

fn shown(row: store::Row, attempts: &[store::AttemptRow]) -> Option<Delivery> {
    Some(Delivery {
        attempts: attempts.iter().filter(|attempt| attempt.delivery_id == row.id).cloned().collect(),
        id: row.id,
        plant: row.plant,
        channel_id: row.channel_id,
        channel: ChannelKind::named(&row.channel_kind)?,
        address: row.address,
        incident_id: row.incident_id,
        incident_kind: row.incident_kind.as_deref().and_then(IncidentKind::named),
        incident_title: row.incident_title,
        notice: NoticeKind::named(&row.notice)?,
        state: match row.state.as_str() {
            "waiting" => DeliveryState::Waiting,
            "sending" => DeliveryState::Sending,
            "sent" => DeliveryState::Sent,
            _ => DeliveryState::Failed,
        },
        created_at: row.created_at,
        settled_at: row.settled_at,
    })
}
