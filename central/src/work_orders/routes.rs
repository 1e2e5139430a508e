//! `/work-orders`: list, one, create, replace, delete, import.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::orders::{self, WorkOrders};
use crate::auth::Principal;
use crate::master_data::import::{self, Column, Csv, ImportParameters, Imported, Sheet};
use crate::master_data::list::ActiveParameters;
use crate::master_data::{Editing, change};
use crate::web::problem::{Content, Parameters, Problem, Problems, Segments};

pub fn router(editing: Editing) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, replace, delete))
        .routes(routes!(import))
        .layer(import::body_limit())
        .with_state(editing)
}

#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct WorkOrder {
    pub id: i32,
    pub plant: String,
    pub code: String,
    /// Code of what is to be made.
    pub product: String,
    pub product_title: String,
    /// The machine it is planned for; any when none.
    pub machine: Option<String>,
    pub quantity: Option<i64>,
    pub due_at: Option<DateTime<Utc>>,
    /// False when it is closed: stations do not offer it any more.
    pub active: bool,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkOrder {
    /// Name of the plant.
    #[schema(max_length = 64)]
    pub plant: String,
    /// Facts name it; it stays.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u0020\u007f-\u00a0]([^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0])?$"
    )]
    pub code: String,
    /// Code of a product of the plant.
    #[schema(max_length = 64)]
    pub product: String,
    /// Name of a machine of the plant.
    #[schema(max_length = 64)]
    pub machine: Option<String>,
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub quantity: Option<i64>,
    pub due_at: Option<DateTime<Utc>>,
    #[serde(default = "import::yes")]
    pub active: bool,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderChange {
    /// The version that this was made from.
    pub version: i32,
    #[schema(max_length = 64)]
    pub product: String,
    #[schema(max_length = 64)]
    pub machine: Option<String>,
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub quantity: Option<i64>,
    pub due_at: Option<DateTime<Utc>>,
    pub active: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct WorkOrderList {
    at: DateTime<Utc>,
    work_orders: Vec<WorkOrder>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Work orders by plant and code.
#[utoipa::path(get, operation_id = "list_work_orders", path = "/work-orders", tag = "work_orders", params(ActiveParameters), responses((status = OK, body = WorkOrderList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ActiveParameters>,
) -> Result<Json<WorkOrderList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut work_orders = orders::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut work_orders, |it| (&it.plant, &it.code));
    Ok(Json(WorkOrderList { at: editing.reads.now(), work_orders, next }))
}

/// One work order.
#[utoipa::path(get, operation_id = "work_order", path = "/work-orders/{work_order}", tag = "work_orders", params(("work_order" = i32, Path)), responses((status = OK, body = WorkOrder), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<WorkOrder>, Problem> {
    change::find::<WorkOrders>(&editing, &principal, id).await
}

/// Makes a work order.
#[utoipa::path(post, operation_id = "create_work_order", path = "/work-orders", tag = "work_orders", request_body = NewWorkOrder, responses((status = CREATED, body = WorkOrder), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewWorkOrder>,
) -> Result<(StatusCode, Json<WorkOrder>), Problem> {
    change::create::<WorkOrders>(&editing, &principal, &new).await
}

/// Replaces all of a work order but its code.
#[utoipa::path(put, operation_id = "replace_work_order", path = "/work-orders/{work_order}", tag = "work_orders", params(("work_order" = i32, Path)), request_body = WorkOrderChange, responses((status = OK, body = WorkOrder), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<WorkOrderChange>,
) -> Result<Json<WorkOrder>, Problem> {
    change::replace::<WorkOrders>(&editing, &principal, id, &wanted).await
}

/// Deletes a work order on which nobody has worked; others are closed by `active`.
#[utoipa::path(delete, operation_id = "delete_work_order", path = "/work-orders/{work_order}", tag = "work_orders", params(("work_order" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn delete(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    change::delete::<WorkOrders>(&editing, &principal, id).await
}

const COLUMNS: &[Column] = &[
    Column::required("code"),
    Column::required("product"),
    Column::optional("machine"),
    Column::optional("quantity"),
    Column::optional("due_at"),
    Column::optional("active"),
];

/// Creates and replaces work orders from CSV, all or none: columns `code`, `product`, `machine`, `quantity`, `due_at`, `active`; at most 10,000 rows.
#[utoipa::path(post, operation_id = "import_work_orders", path = "/work-orders/import", tag = "work_orders", params(ImportParameters), request_body(content = String, content_type = "text/csv"), responses((status = OK, body = Imported), Problems))]
async fn import(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ImportParameters>,
    Csv(body): Csv,
) -> Result<Json<Imported>, Problem> {
    let mut import = import::begin(&editing, &principal, &parameters).await?;
    let mut sheet = Sheet::read(&body, COLUMNS, import::ROWS_MAX)?;
    let work_orders = sheet.rows::<WorkOrders>(|row| NewWorkOrder {
        plant: String::new(),
        code: row.text("code"),
        product: row.text("product"),
        machine: row.optional_text("machine"),
        quantity: row.number("quantity"),
        due_at: row.moment("due_at"),
        active: row.flag("active", true),
    });
    sheet.refuse_twice("code", work_orders.iter().map(|it| Some(it.code.as_str())));
    sheet.refuse_faults()?;
    let plant = import.plant.id;
    let references = orders::References::read(import.connection(), plant, &work_orders).await?;
    for (at, order) in work_orders.iter().enumerate() {
        for (column, text) in references.faults(order) {
            sheet.fault(at, column, &text);
        }
    }
    sheet.refuse_faults()?;
    let imported = orders::import(import.connection(), plant, &work_orders).await?;
    import.finish("work_order", imported).await
}
