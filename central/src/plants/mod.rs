//! Plants: a factory, its name, and the time zone that its days are counted in.

pub mod routes;
pub mod store;

use process::configuration::nearest;
use sqlx::PgConnection;

use crate::auth::Principal;
use crate::web::problem::Problem;

/// The plant of this name, if it is one of the principal's.
pub async fn named(connection: &mut PgConnection, principal: &Principal, name: &str) -> Result<store::Plant, Problem> {
    let found = store::named(connection, principal.plants.ids(), name).await?;
    found.ok_or_else(|| Problem::not_found(format!("there is no plant {name:?}")))
}

/// An IANA time zone, or what is wrong with it.
pub fn time_zone(zone: &str) -> Result<chrono_tz::Tz, String> {
    zone.parse().map_err(|_| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let near = nearest(zone, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        format!("{zone:?} is no IANA time zone such as Europe/Berlin{near}")
    })
}
