//! `/api/v1/openapi.json`: the API's own description, made from the routes themselves.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use super::problem::Body;

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
#[must_use]
pub fn served(api: OpenApiRouter) -> (Router, OpenApi) {
    let (router, document) = api.split_for_parts();
    let answer = document.clone();
    (router.route("/openapi.json", get(async move || Json(answer.clone()))), document)
}
