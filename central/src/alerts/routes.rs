//! `/incidents` and `/alerts/…`, put together.

use utoipa_axum::router::OpenApiRouter;

use super::{channels, deliveries, incidents, rules};
use crate::web::Writes;

pub fn router(writes: Writes) -> OpenApiRouter {
    incidents::routes::router(writes.reads.clone())
        .merge(deliveries::routes::router(writes.reads.clone()))
        .merge(rules::routes::router(writes.clone()))
        .merge(channels::routes::router(writes))
}
