//! `/operators`: list, one, create, replace, delete, import.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::secrets::Secret;
use super::store::{self, Hashed, HashedChange, Operators};
use crate::auth::{Permission, Principal};
use crate::master_data::import::{self, Column, Csv, ImportParameters, Imported, Sheet};
use crate::master_data::list::ActiveParameters;
use crate::master_data::{Editing, change};
use crate::plants;
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

/// Each row may cost two hashes.
const IMPORT_ROWS_MAX: usize = 1_000;

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, delete))
        .routes(routes!(import))
        .layer(import::body_limit())
        .with_state(editing)
}

/// What is known of an operator; badge and PIN themselves are never answered.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Operator {
    pub id: i32,
    pub plant: String,
    pub number: String,
    pub name: String,
    pub has_badge: bool,
    pub has_pin: bool,
    /// Only active operators can log on.
    pub active: bool,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// Name of the plant.
    #[schema(max_length = 64)]
    plant: String,
    /// Personnel number: facts name it; it stays.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"
    )]
    number: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"
    )]
    name: String,
    /// What the scanner reads from the badge.
    #[schema(min_length = 4, max_length = 128)]
    badge: Option<String>,
    /// Digits that are not the first anybody would try.
    #[schema(pattern = "^[0-9]{4,12}$")]
    pin: Option<String>,
    #[serde(default = "import::yes")]
    active: bool,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorChange {
    /// The version that this was made from.
    version: i32,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"
    )]
    name: String,
    /// Another badge; null takes it away; absent leaves it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 4, max_length = 128)]
    badge: Option<Option<String>>,
    /// Another PIN; null takes it away; absent leaves it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, pattern = "^[0-9]{4,12}$")]
    pin: Option<Option<String>>,
    active: bool,
}

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OperatorList {
    at: DateTime<Utc>,
    operators: Vec<Operator>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Operators by plant and number.
#[utoipa::path(get, operation_id = "list_operators", path = "/operators", tag = "operators", params(ActiveParameters), responses((status = OK, body = OperatorList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ActiveParameters>,
) -> Result<Json<OperatorList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut operators = store::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut operators, |it| (&it.plant, &it.number));
    Ok(Json(OperatorList { at: editing.reads.now(), operators, next }))
}

/// One operator.
#[utoipa::path(get, operation_id = "operator", path = "/operators/{operator}", tag = "operators", params(("operator" = i32, Path)), responses((status = OK, body = Operator), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<Operator>, Problem> {
    change::find::<Operators>(&editing, &principal, id).await
}

/// Makes an operator.
#[utoipa::path(post, operation_id = "create_operator", path = "/operators", tag = "operators", request_body = NewOperator, responses((status = CREATED, body = Operator), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewOperator>,
) -> Result<(StatusCode, Json<Operator>), Problem> {
    principal.may(Permission::EditMasterData)?;
    change::refuse_faults(store::faults(&new.number, &new.name, new.badge.as_deref(), new.pin.as_deref()).0)?;
    let salt = badge_salt(&editing, &principal, &new.plant).await?;
    let mut hashes = hashed(&editing, &salt, [(new.badge, new.pin)].into_iter()).await?;
    let (badge_hash, pin_hash) = hashes.pop().unwrap_or_default();
    let NewOperator { plant, number, name, active, .. } = new;
    let hashed = Hashed { plant, number, name, badge_hash, pin_hash, active };
    change::create::<Operators>(&editing, &principal, &hashed).await
}

/// Replaces all of an operator but the number.
#[utoipa::path(put, operation_id = "replace_operator", path = "/operators/{operator}", tag = "operators", params(("operator" = i32, Path)), request_body = OperatorChange, responses((status = OK, body = Operator), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<OperatorChange>,
) -> Result<Json<Operator>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let Json(before) = change::find::<Operators>(&editing, &principal, id).await?;
    let (badge, pin) = (wanted.badge.clone().flatten(), wanted.pin.clone().flatten());
    change::refuse_faults(store::faults(&before.number, &wanted.name, badge.as_deref(), pin.as_deref()).0)?;
    let salt = badge_salt(&editing, &principal, &before.plant).await?;
    let mut hashes = hashed(&editing, &salt, [(badge, pin)].into_iter()).await?;
    let (badge_hash, pin_hash) = hashes.pop().unwrap_or_default();
    let change = HashedChange {
        version: wanted.version,
        name: wanted.name,
        badge_hash: wanted.badge.map(|_| badge_hash),
        pin_hash: wanted.pin.map(|_| pin_hash),
        active: wanted.active,
    };
    change::replace::<Operators>(&editing, &principal, id, &change).await
}

/// Deletes an operator who has entered nothing; others are retired by `active`.
#[utoipa::path(delete, operation_id = "delete_operator", path = "/operators/{operator}", tag = "operators", params(("operator" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn delete(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    change::delete::<Operators>(&editing, &principal, id).await
}

const COLUMNS: &[Column] = &[
    Column::required("number"),
    Column::required("name"),
    Column::optional("badge"),
    Column::optional("pin"),
    Column::optional("active"),
];

/// Creates and replaces operators from CSV, all or none: columns `number`, `name`, `badge`, `pin`, `active`; at most 1,000 rows.
///
/// An empty badge or PIN leaves the one that is there.
#[utoipa::path(post, operation_id = "import_operators", path = "/operators/import", tag = "operators", params(ImportParameters), request_body(content = String, content_type = "text/csv"), responses((status = OK, body = Imported), Problems))]
async fn import(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ImportParameters>,
    Csv(body): Csv,
) -> Result<Json<Imported>, Problem> {
    principal.may(Permission::EditMasterData)?;
    let salt = badge_salt(&editing, &principal, parameters.plant()).await?;
    let mut sheet = Sheet::read(&body, COLUMNS, IMPORT_ROWS_MAX)?;
    let rows = sheet.rows_by(
        |row| ImportedRow {
            number: row.text("number"),
            name: row.text("name"),
            badge: row.optional_text("badge"),
            pin: row.optional_text("pin"),
            active: row.flag("active", true),
        },
        |it| store::faults(&it.number, &it.name, it.badge.as_deref(), it.pin.as_deref()).0,
    );
    sheet.refuse_twice("number", rows.iter().map(|it| Some(it.number.as_str())));
    sheet.refuse_twice("badge", rows.iter().map(|it| it.badge.as_deref()));
    sheet.refuse_faults()?;
    let secrets = rows.iter().map(|it| (it.badge.clone(), it.pin.clone()));
    let hashes = hashed(&editing, &salt, secrets).await?;
    let operators: Vec<Hashed> = rows.into_iter().zip(hashes).map(|(row, hashes)| row.hashed(hashes)).collect();

    let mut import = import::begin(&editing, &principal, &parameters).await?;
    let plant = import.plant.id;
    let badges: Vec<&str> = operators.iter().filter_map(|it| it.badge_hash.as_deref()).collect();
    let holders = store::badge_holders(import.connection(), plant, &badges).await?;
    for (at, operator) in operators.iter().enumerate() {
        let holder = operator.badge_hash.as_ref().and_then(|hash| holders.get(hash));
        if let Some(holder) = holder.filter(|holder| **holder != operator.number) {
            sheet.fault(at, "badge", &format!("it is operator {holder:?}'s"));
        }
    }
    sheet.refuse_faults()?;
    let imported = store::import(import.connection(), plant, &operators).await?;
    import.finish("operator", imported).await
}

struct ImportedRow {
    number: String,
    name: String,
    badge: Option<String>,
    pin: Option<String>,
    active: bool,
}

impl ImportedRow {
    fn hashed(self, (badge_hash, pin_hash): Hashes) -> Hashed {
        let ImportedRow { number, name, active, .. } = self;
        Hashed { plant: String::new(), number, name, badge_hash, pin_hash, active }
    }
}

async fn badge_salt(editing: &Editing, principal: &Principal, plant: &str) -> Result<Vec<u8>, Problem> {
    let mut connection = editing.reads.pool.acquire().await?;
    let plant = plants::named(&mut connection, principal, plant).await?;
    Ok(plants::store::badge_salt(&mut connection, plant.id).await?)
}

/// Of a badge and of a PIN.
type Hashes = (Option<String>, Option<String>);

/// Hashes badges with their plant's salt and PINs with one each.
async fn hashed(
    editing: &Editing,
    salt: &[u8],
    texts: impl Iterator<Item = (Option<String>, Option<String>)>,
) -> Result<Vec<Hashes>, Problem> {
    let mut secrets = Vec::new();
    let mut places = Vec::new();
    for (badge, pin) in texts {
        let mut place = |text: Option<String>, salt: Vec<u8>| {
            let text = text?;
            secrets.push(Secret { text, salt });
            Some(secrets.len() - 1)
        };
        places.push((place(badge, salt.to_vec()), place(pin, rand::random::<[u8; 16]>().to_vec())));
    }
    let hashes = editing.hashing.hash(secrets).await.map_err(|error| Problem::internal(&error))?;
    let at = |place: Option<usize>| place.and_then(|at| hashes.get(at).cloned());
    Ok(places.into_iter().map(|(badge, pin)| (at(badge), at(pin))).collect())
}
