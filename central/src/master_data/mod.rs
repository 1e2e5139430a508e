//! What people maintain: how lists, changes and imports of it are alike.
//!
//! Written by people over the API, and by nobody else but sync, which registers machines when an agent first names them.
//! A change is one transaction: the row, its entry in the audit log, and (by triggers) the plant's revision, which brings
//! it to every agent of the plant with its next batch. A replacement names the version that it was made from; one made from
//! an older version is refused, so that nobody overwrites what they have not seen, and a retry of a replacement that
//! was carried out is refused too. What facts refer to is never deleted but retired (`active`).

pub mod change;
pub mod import;
pub mod list;
pub mod text;

use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;

use crate::operators::secrets::Hashing;
use crate::web::Reads;
use crate::{lines, machines, operators, plants, products, reasons, shifts, work_orders};

/// The routes of all that people maintain.
pub fn router(editing: &Editing) -> OpenApiRouter {
    plants::routes::router(editing.clone())
        .merge(lines::routes::router(editing.clone()))
        .merge(products::routes::router(editing.clone()))
        .merge(work_orders::routes::router(editing.clone()))
        .merge(reasons::routes::router(editing.clone()))
        .merge(operators::routes::router(editing.clone()))
        .merge(machines::settings::routes::router(editing.clone()))
        .merge(shifts::calendar::routes::router(editing.clone()))
}

/// What a route that edits master data needs.
#[derive(Debug, Clone)]
pub struct Editing {
    pub reads: Reads,
    pub pool: PgPool,
    pub hashing: Hashing,
}

impl Editing {
    #[must_use]
    pub fn new(reads: Reads, pool: PgPool) -> Editing {
        Editing { reads, pool, hashing: Hashing::default() }
    }
}
