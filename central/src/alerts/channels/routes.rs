//! `/alerts/channels`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Channel, ChannelKind, check_address, store};
use crate::alerts::deliveries;
use crate::alerts::deliveries::webhook::receiver;
use crate::alerts::rules::routes::{line, plant};
use crate::auth::{Permission, Principal};
use crate::master_data::change;
use crate::queue;
use crate::web::Writes;
use crate::web::page;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

const CHANNELS_DEFAULT: i64 = 100;
const CHANNELS_MAX: i64 = 500;
const ADDRESS_CHARS_MAX: usize = 2_000;
const TITLE_CHARS_MAX: usize = 200;

pub fn router(writes: Writes) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(channels, add))
        .routes(routes!(change, remove))
        .routes(routes!(test))
        .with_state(writes)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChannelParameters {
    /// Name of a plant; all that one may see when absent.
    plant: Option<String>,
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ChannelList {
    channels: Vec<Channel>,
    next: Option<String>,
}

/// Who is told of incidents.
#[utoipa::path(get, operation_id = "list_alert_channels", path = "/alerts/channels", tag = "alerts", params(ChannelParameters), responses((status = OK, body = ChannelList), Problems))]
async fn channels(
    State(writes): State<Writes>,
    principal: Principal,
    Parameters(parameters): Parameters<ChannelParameters>,
) -> Result<Json<ChannelList>, Problem> {
    principal.may(Permission::Read)?;
    let limit = page::limit(parameters.limit, CHANNELS_DEFAULT, CHANNELS_MAX)?;
    let filter = store::Filter {
        plants: principal.plants.ids(),
        plant: parameters.plant.as_deref(),
        id: None,
        after: parameters.cursor.map(|cursor| cursor.parse().map_err(|_| page::no_cursor())).transpose()?,
    };
    let mut channels = store::channels(&writes.reads.pool, filter, limit + 1).await?;
    let next = page::next(&mut channels, limit, |last| last.id.to_string());
    Ok(Json(ChannelList { channels, next }))
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewChannel {
    #[schema(min_length = 1, max_length = 64)]
    plant: String,
    /// Name of a line; the whole plant when absent.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    line: Option<String>,
    kind: ChannelKind,
    #[serde(default)]
    #[schema(max_length = 200)]
    title: String,
    /// A mail address, or a URL that begins with `https://`.
    #[schema(min_length = 1, max_length = 2000)]
    address: String,
    /// Webhooks: allow a URL that begins with `http://`.
    #[serde(default)]
    plain_http: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AddedChannel {
    channel: Channel,
    /// Key of a webhook's signatures. It is shown this once.
    secret: Option<String>,
}

fn title(text: &str) -> Result<&str, Problem> {
    if text.chars().count() > TITLE_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Problem::bad_request("title is one line of at most 200 characters"));
    }
    Ok(text)
}

/// Adds a mail address or a webhook.
#[utoipa::path(post, operation_id = "add_alert_channel", path = "/alerts/channels", tag = "alerts", request_body = NewChannel, responses((status = CREATED, body = AddedChannel), Problems))]
async fn add(
    State(writes): State<Writes>,
    principal: Principal,
    Content(new): Content<NewChannel>,
) -> Result<(StatusCode, Json<AddedChannel>), Problem> {
    principal.may(Permission::EditMasterData)?;
    let length = new.address.chars().count();
    if length > ADDRESS_CHARS_MAX || new.address.chars().any(char::is_control) {
        return Err(Problem::bad_request("address is one line of at most 2000 characters"));
    }
    check_address(new.kind, &new.address, new.plain_http).map_err(Problem::bad_request)?;
    let plant_id = plant(&writes, &principal, &new.plant).await?;
    let line_id = line(&writes, plant_id, new.line.as_deref()).await?;
    let secret = match new.kind {
        ChannelKind::Email => None,
        ChannelKind::Webhook => Some(BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>())),
    };
    let row = store::New {
        plant: plant_id,
        line: line_id,
        kind: new.kind,
        title: title(&new.title)?,
        address: &new.address,
        secret: secret.as_deref(),
        at: writes.reads.now(),
        by: &principal.name,
    };
    let mut transaction = writes.pool.begin().await?;
    let id = store::add(&mut transaction, &row).await?;
    let channel = find(&mut transaction, &principal, id).await?;
    let detail = json!({ "before": null, "after": audited(&channel) });
    record(&mut transaction, (writes.reads.now(), &principal), "create", &channel, detail).await?;
    transaction.commit().await?;
    tracing::info!(channel = id, by = %principal.name, "an alert channel was added");
    Ok((StatusCode::CREATED, Json(AddedChannel { channel, secret })))
}

async fn find(connection: &mut PgConnection, principal: &Principal, id: i32) -> Result<Channel, Problem> {
    let filter = store::Filter { plants: principal.plants.ids(), id: Some(id), ..store::Filter::default() };
    store::channels(connection, filter, 1).await?.pop().ok_or_else(unknown)
}

/// The channel that is about to be used or changed, and its kind and plant.
async fn held(
    connection: &mut PgConnection,
    principal: &Principal,
    id: i32,
) -> Result<(Channel, i32, ChannelKind), Problem> {
    let (plant, kind) = store::way(connection, principal.plants.ids(), id).await?.ok_or_else(unknown)?;
    Ok((find(connection, principal, id).await?, plant, kind))
}

/// What the audit log keeps of a channel. The address of a webhook often is a secret: of it only who is reached.
fn audited(channel: &Channel) -> Value {
    let mut kept = json!(channel);
    if channel.kind == ChannelKind::Webhook {
        kept["address"] = json!(receiver(&channel.address));
    }
    kept
}

async fn record(
    connection: &mut PgConnection,
    by: (DateTime<Utc>, &Principal),
    verb: &str,
    channel: &Channel,
    detail: Value,
) -> Result<(), Problem> {
    let label = (channel.plant.as_str(), &*channel.id.to_string());
    change::record(connection, by, ("alert_channel", verb), label, detail).await
}

fn unknown() -> Problem {
    Problem::not_found("there is no such channel")
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedChannel {
    #[schema(max_length = 200)]
    title: String,
    enabled: bool,
}

/// Renames a channel, switches it off or on. Another address is another channel.
#[utoipa::path(put, operation_id = "change_alert_channel", path = "/alerts/channels/{channel}", tag = "alerts", params(("channel" = i32, Path)), request_body = ChangedChannel, responses((status = OK, body = Channel), Problems))]
async fn change(
    State(writes): State<Writes>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(changed): Content<ChangedChannel>,
) -> Result<Json<Channel>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let title = title(&changed.title)?;
    let mut transaction = writes.pool.begin().await?;
    let (before, ..) = held(&mut transaction, &principal, id).await?;
    store::change(&mut transaction, id, title, changed.enabled).await?;
    let after = find(&mut transaction, &principal, id).await?;
    let detail = json!({ "before": audited(&before), "after": audited(&after) });
    record(&mut transaction, (writes.reads.now(), &principal), "replace", &after, detail).await?;
    transaction.commit().await?;
    tracing::info!(channel = id, enabled = changed.enabled, by = %principal.name, "an alert channel was changed");
    Ok(Json(after))
}

/// Removes a channel. What was sent to it stays in the log.
#[utoipa::path(delete, operation_id = "remove_alert_channel", path = "/alerts/channels/{channel}", tag = "alerts", params(("channel" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn remove(
    State(writes): State<Writes>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    principal.may(Permission::EditMasterData)?;
    let now = writes.reads.now();
    let mut transaction = writes.pool.begin().await?;
    let (before, ..) = held(&mut transaction, &principal, id).await?;
    store::remove(&mut transaction, id, now).await?;
    let detail = json!({ "before": audited(&before), "after": null });
    record(&mut transaction, (now, &principal), "delete", &before, detail).await?;
    transaction.commit().await?;
    tracing::info!(channel = id, by = %principal.name, "an alert channel was removed");
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TestDelivery {
    /// Where to look in the log of deliveries.
    delivery: Uuid,
}

/// Sends a test message.
#[utoipa::path(post, operation_id = "test_alert_channel", path = "/alerts/channels/{channel}/test", tag = "alerts", params(("channel" = i32, Path)), responses((status = ACCEPTED, body = TestDelivery), Problems))]
async fn test(
    State(writes): State<Writes>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<(StatusCode, Json<TestDelivery>), Problem> {
    principal.may(Permission::EditMasterData)?;
    let now = writes.reads.now();
    let mut transaction = writes.pool.begin().await?;
    let (channel, plant, kind) = held(&mut transaction, &principal, id).await?;
    let delivery = deliveries::store::make_test(&mut transaction, plant, id, now).await?;
    queue::send(&mut transaction, &deliveries::job(kind, plant, delivery)).await?;
    record(&mut transaction, (now, &principal), "test", &channel, json!({ "delivery": delivery })).await?;
    transaction.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(TestDelivery { delivery })))
}
