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
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;
    use std::time::Duration;

    use process::clock::{Clock, SystemClock};
    use protocol::enrolment::KeyFingerprint;
    use serde_json::Value;

    use super::*;
    use crate::auth::access::Outside;

    fn document() -> utoipa::openapi::OpenApi {
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
        web::openapi::served(api.routes()).1
    }

    /// The pages are typed from this file. After a change of the API: `UPDATE=1 cargo test -p central openapi`.
    #[tokio::test]
    async fn the_openapi_document_in_the_repository_is_that_of_the_routes() {
        let document = document().to_pretty_json().unwrap() + "\n";
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(file, &document).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap_or_default();
        assert!(kept == document, "central/openapi.json is outdated: UPDATE=1 cargo test -p central openapi");
    }

    /// What stands behind every `key` of the document.
    fn texts_of<'d>(value: &'d Value, key: &str, found: &mut Vec<&'d str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get(key).and_then(Value::as_str));
                fields.values().for_each(|value| texts_of(value, key, found));
            }
            Value::Array(items) => items.iter().for_each(|value| texts_of(value, key, found)),
            _ => {}
        }
    }

    #[tokio::test]
    async fn the_openapi_document_names_every_operation_once_and_refers_to_nothing_that_is_not_there() {
        let document = serde_json::to_value(document()).unwrap();
        let mut references = Vec::new();
        texts_of(&document, "$ref", &mut references);
        assert!(references.len() > 100, "{references:?}");
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap_or_default();
            assert!(document.pointer(pointer).is_some(), "{reference} is not there");
        }
        let operations = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
        let names: Vec<&str> = operations.map(|(_, it)| it["operationId"].as_str().unwrap()).collect();
        let once: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(once.len(), names.len(), "two operations share a name: {names:?}");
        let mut named = Vec::new();
        texts_of(&document, "operationId", &mut named);
        assert!(named.len() > names.len(), "links name operations too");
        assert!(named.iter().all(|name| once.contains(name)), "{named:?}");
    }

    #[tokio::test]
    async fn what_was_created_leads_to_its_reading_change_and_deletion() {
        let document = serde_json::to_value(document()).unwrap();
        let links = |path: &str| {
            let links = document["paths"][path]["post"]["responses"]["201"]["links"].as_object().unwrap();
            let parameters = |link: &Value| link["parameters"].to_string();
            links.iter().map(|(name, link)| (name.clone(), parameters(link))).collect::<Vec<_>>()
        };
        let of = |name: &str, parameters: &str| (name.to_owned(), parameters.to_owned());
        let line = r##"{"line":"$response.body#/id"}"##;
        assert_eq!(links("/lines"), [of("delete_line", line), of("line", line), of("replace_line", line)]);
        assert_eq!(links("/tokens"), [of("revoke_token", r##"{"token":"$response.body#/token/id"}"##)]);
        for path in ["/plants", "/users", "/alerts/channels", "/agents/invitations", "/work-orders"] {
            assert!(!links(path).is_empty(), "{path}");
        }
    }

    #[tokio::test]
    async fn problems_are_described_once() {
        let document = document().to_json().unwrap();
        assert_eq!(document.matches("Nobody is logged in.").count(), 1);
        assert!(document.matches("#/components/responses/Unauthorized").count() > 100);
    }

    /// Name under which a type that is declared at the beginning of `text` stands in the document.
    fn schema_name(text: &str) -> Option<&str> {
        let end = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let declared =
            ["struct ", "enum "].iter().filter_map(|word| text.find(word).map(|at| at + word.len())).min()?;
        let (attributes, name) = text.split_at(declared);
        let name = attributes.split_once("schema(as = ").map_or(name, |(_, name)| name);
        Some(&name[..end(name)])
    }

    /// utoipa lets the later one of two schemas of one name replace the other without a word.
    #[test]
    fn no_two_types_share_a_name_in_the_openapi_document() {
        let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        let mut named: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    for name in text.split("utoipa::ToSchema").skip(1).filter_map(schema_name) {
                        named.entry(name.to_owned()).or_default().push(path.clone());
                    }
                }
            }
        }
        assert!(named.len() > 100, "{named:?}");
        named.retain(|_, files| files.len() > 1);
        assert!(named.is_empty(), "give one of each a name of its own, with #[schema(as = …)]: {named:#?}");
    }
}
