//! `/products`: list, one, create, replace, delete, import.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, Products};
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
pub struct Product {
    pub id: i32,
    pub plant: String,
    pub code: String,
    pub title: String,
    /// How long one piece takes when nothing is in the way; none when unknown.
    pub ideal_cycle_ms: Option<i64>,
    pub active: bool,
    /// What a replacement names.
    pub version: i32,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
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
    #[serde(default)]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
    /// None when unknown: it is never invented.
    #[schema(minimum = 1, maximum = 86_400_000)]
    pub ideal_cycle_ms: Option<i64>,
    #[serde(default = "import::yes")]
    pub active: bool,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductChange {
    /// The version that this was made from.
    pub version: i32,
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub title: String,
    #[schema(minimum = 1, maximum = 86_400_000)]
    pub ideal_cycle_ms: Option<i64>,
    pub active: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ProductList {
    at: DateTime<Utc>,
    products: Vec<Product>,
    /// Cursor of the next page; none when this is the last.
    next: Option<String>,
}

/// Products by plant and code.
#[utoipa::path(get, operation_id = "list_products", path = "/products", tag = "products", params(ActiveParameters), responses((status = OK, body = ProductList), Problems))]
async fn list(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ActiveParameters>,
) -> Result<Json<ProductList>, Problem> {
    let filter = parameters.filter(&principal)?;
    let mut products = store::list(&mut *editing.reads.pool.acquire().await?, filter).await?;
    let next = filter.next(&mut products, |it| (&it.plant, &it.code));
    Ok(Json(ProductList { at: editing.reads.now(), products, next }))
}

/// One product.
#[utoipa::path(get, operation_id = "product", path = "/products/{product}", tag = "products", params(("product" = i32, Path)), responses((status = OK, body = Product), Problems))]
async fn one(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<Json<Product>, Problem> {
    change::find::<Products>(&editing, &principal, id).await
}

/// Makes a product.
#[utoipa::path(post, operation_id = "create_product", path = "/products", tag = "products", request_body = NewProduct, responses((status = CREATED, body = Product), Problems))]
async fn create(
    State(editing): State<Editing>,
    principal: Principal,
    Content(new): Content<NewProduct>,
) -> Result<(StatusCode, Json<Product>), Problem> {
    change::create::<Products>(&editing, &principal, &new).await
}

/// Replaces all of a product but its code.
#[utoipa::path(put, operation_id = "replace_product", path = "/products/{product}", tag = "products", params(("product" = i32, Path)), request_body = ProductChange, responses((status = OK, body = Product), Problems))]
async fn replace(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
    Content(wanted): Content<ProductChange>,
) -> Result<Json<Product>, Problem> {
    change::replace::<Products>(&editing, &principal, id, &wanted).await
}

/// Deletes a product that no work order names; others are retired by `active`.
#[utoipa::path(delete, operation_id = "delete_product", path = "/products/{product}", tag = "products", params(("product" = i32, Path)), responses((status = NO_CONTENT), Problems))]
async fn delete(
    State(editing): State<Editing>,
    principal: Principal,
    Segments(id): Segments<i32>,
) -> Result<StatusCode, Problem> {
    change::delete::<Products>(&editing, &principal, id).await
}

const COLUMNS: &[Column] = &[
    Column::required("code"),
    Column::optional("title"),
    Column::optional("ideal_cycle_ms"),
    Column::optional("active"),
];

/// Creates and replaces products from CSV, all or none: columns `code`, `title`, `ideal_cycle_ms`, `active`; at most 10,000 rows.
#[utoipa::path(post, operation_id = "import_products", path = "/products/import", tag = "products", params(ImportParameters), request_body(content = String, content_type = "text/csv"), responses((status = OK, body = Imported), Problems))]
async fn import(
    State(editing): State<Editing>,
    principal: Principal,
    Parameters(parameters): Parameters<ImportParameters>,
    Csv(body): Csv,
) -> Result<Json<Imported>, Problem> {
    let mut import = import::begin(&editing, &principal, &parameters).await?;
    let mut sheet = Sheet::read(&body, COLUMNS, import::ROWS_MAX)?;
    let products = sheet.rows::<Products>(|row| NewProduct {
        plant: String::new(),
        code: row.text("code"),
        title: row.text("title"),
        ideal_cycle_ms: row.number("ideal_cycle_ms"),
        active: row.flag("active", true),
    });
    sheet.refuse_twice("code", products.iter().map(|it| Some(it.code.as_str())));
    sheet.refuse_faults()?;
    let plant = import.plant.id;
    let imported = store::import(import.connection(), plant, &products).await?;
    import.finish("product", imported).await
}
