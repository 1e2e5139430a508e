//! Everything under `/api/v1`: each folder of the product brings its own routes.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::agents::administration::{self, Administration};
use crate::auth::{self, Access};
use crate::live::{self, Hub};
use crate::master_data::{self, Editing};
use crate::web::{self, Reads, Writes};
use crate::{agents, alerts, downtime, events, machines, production, queue, scans, shifts, users, work_orders};

/// What the routes stand on.
#[derive(Debug, Clone)]
pub struct Api {
    pub reads: Reads,
    pub access: Access,
    pub hub: Arc<Hub>,
    pub administration: Arc<Administration>,
}

impl Api {
    /// All of them, described.
    #[must_use]
    pub fn routes(&self) -> OpenApiRouter {
        let reads = || self.reads.clone();
        let writes = || Writes { reads: reads(), pool: self.access.pool().clone() };
        web::openapi::described()
            .merge(auth::routes())
            .merge(users::routes::router())
            .merge(machines::routes::router(reads()))
            .merge(machines::timeline::routes::router(reads()))
            .merge(production::routes::router(reads()))
            .merge(work_orders::jobs::routes::router(reads()))
            .merge(downtime::routes::router(reads()))
            .merge(downtime::correction::routes::router(reads()))
            .merge(scans::routes::router(reads()))
            .merge(shifts::routes::router(reads()))
            .merge(events::routes::router(reads()))
            .merge(agents::routes::router(reads()))
            .merge(administration::router(self.administration.clone()))
            .merge(master_data::router(&Editing::new(reads(), self.access.pool().clone())))
            .merge(queue::routes::router(writes()))
            .merge(alerts::routes::router(writes()))
            .merge(live::routes::router(self.hub.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use process::clock::{Clock, SystemClock};
    use protocol::enrolment::KeyFingerprint;

    use super::*;
    use crate::auth::access::Outside;

    /// The pages are typed from this file. After a change of the API: `UPDATE=1 cargo test -p central openapi`.
    #[tokio::test]
    async fn the_openapi_document_in_the_repository_is_that_of_the_routes() {
        let pool = sqlx::PgPool::connect_lazy("postgresql://nowhere").unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(0));
        let reads = Reads { pool: pool.clone(), clock: clock.clone() };
        let api = Api {
            access: Access::new(pool.clone(), pool.clone(), clock.clone(), Outside::default()),
            hub: Hub::new(clock, 0),
            administration: Arc::new(Administration {
                reads: reads.clone(),
                pool,
                central: KeyFingerprint([0; 32]),
                address: "central:7443".to_owned(),
                future_tolerance: Duration::ZERO,
            }),
            reads,
        };
        let document = web::openapi::served(api.routes()).1.to_pretty_json().unwrap() + "\n";
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &document).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert!(kept == document, "central/openapi.json is outdated: UPDATE=1 cargo test -p central openapi");
    }
}
