//! `/api/v1/openapi.json`: the API's own description, made from the routes themselves.
//!
//! What it says of query parameters is held to for all routes at once: one that an operation does not describe is refused,
//! and so is a value that is longer than described. Everything else a route checks itself.

mod links;
mod shared;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use super::problem::{Body, Problem};

/// What the document says besides its routes.
#[derive(Debug, utoipa::OpenApi)]
#[openapi(
    info(
        title = "central",
        description = "What happened on the shop floor, and what follows from it. Errors are `application/problem+json` \
                       (RFC 9457). Lists come in pages: ask again with `cursor` set to `next` until there is none."
    ),
    servers((url = "/api/v1")),
    components(schemas(Body<'static>)),
    modifiers(&Schemes),
    security(("session" = []), ("token" = []))
)]
struct Document;

/// What a request is sent with.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let cookie = ApiKeyValue::with_description("central", "Of a log-in; `__Host-central` over TLS.");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token.")).build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// All routes of the API.
#[must_use]
pub fn described() -> OpenApiRouter {
    OpenApiRouter::with_openapi(Document::openapi())
}

/// The routes, and beside them what they say of themselves.
pub fn served(api: OpenApiRouter) -> (Router, OpenApi) {
    let (router, mut document) = api.split_for_parts();
    links::add(&mut document);
    shared::share_problems(&mut document);
    let answer = document.clone();
    let router = router.route_layer(middleware::from_fn_with_state(Arc::new(Queries::of(&document)), as_described));
    (router.route("/openapi.json", get(async move || Json(answer.clone()))), document)
}

/// What each operation takes behind the `?`, and how many characters at most.
#[derive(Debug, Default)]
struct Queries(HashMap<(Method, String), Parameters>);

type Parameters = BTreeMap<String, Option<u64>>;

impl Queries {
    fn of(document: &OpenApi) -> Queries {
        let document = serde_json::to_value(document).unwrap_or_default();
        let mut queries = Queries::default();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let parameters = parameters.filter(|parameter| parameter["in"] == "query").filter_map(|parameter| {
                    Some((parameter["name"].as_str()?.to_owned(), parameter["schema"]["maxLength"].as_u64()))
                });
                queries.0.insert((method, path.clone()), parameters.collect());
            }
        }
        queries
    }

    /// `path` is that of the route, below `/api/v1`.
    fn check(&self, method: &Method, path: &str, uri: &Uri) -> Result<(), Problem> {
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        let Some(taken) = self.0.get(&(method, path.to_owned())) else { return Ok(()) };
        let asked = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(asked) = asked.map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
        for (name, value) in asked {
            let Some(longest) = taken.get(&name) else {
                let known: Vec<String> = taken.keys().map(|name| format!("`{name}`")).collect();
                let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
                return Err(Problem::bad_request(format!("unknown field `{name}` in the query: expected {known}")));
            };
            let length = value.chars().count() as u64;
            if longest.is_some_and(|longest| length > longest) {
                let longest = longest.unwrap_or_default();
                return Err(Problem::bad_request(format!(
                    "{name} has {length} characters: expected {longest} at most"
                )));
            }
        }
        Ok(())
    }
}

async fn as_described(State(queries): State<Arc<Queries>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let path = route.strip_prefix("/api/v1").unwrap_or(route);
    match queries.check(request.method(), path, request.uri()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
