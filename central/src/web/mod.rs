//! The web port: the API under `/api/v1`, health, metrics. Folders of the product bring their own routes; here they are
//! put together and given what all of them have in common: limits, counting, errors as problem+json.

pub mod health;
pub mod metrics;
pub mod openapi;
pub mod page;
mod pages;
pub mod problem;
pub mod server;
pub mod span;
mod stall;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use chrono::{DateTime, Utc};
use process::clock::Clock;
use sqlx::PgPool;

use self::metrics::Requests;
use self::problem::Problem;
use crate::auth::{Access, access};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const BODY_BYTES_MAX: usize = 64 * 1024;
const PATH_AND_QUERY_BYTES_MAX: usize = 4 * 1024;
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const NO_CONTENT: &str = "default-src 'none'; frame-ancestors 'none'";

/// What a route that only reads needs.
#[derive(Debug, Clone)]
pub struct Reads {
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
}

impl Reads {
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.clock.wall().0).unwrap_or_default()
    }
}

/// What a route needs that changes something, too.
#[derive(Debug, Clone)]
pub struct Writes {
    pub reads: Reads,
    pub pool: PgPool,
}

/// `api` stands under `/api/v1`, where nobody comes without a session or a token; `own` beside it.
pub fn router(api: Router, own: Router, access: Access, requests: Arc<Requests>) -> Router {
    let api = api
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .layer(middleware::from_fn_with_state(access.clone(), access::guard));
    own.nest("/api/v1", api)
        .merge(pages::router())
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(access, bounded))
        .layer(middleware::from_fn_with_state(requests, metrics::count))
}

/// No endless address, no endless answer; nothing of it is kept by a cache or taken for another type.
async fn bounded(State(access): State<Access>, request: Request, next: Next) -> Response {
    let length = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let mut response = if length > PATH_AND_QUERY_BYTES_MAX {
        Problem::new(StatusCode::URI_TOO_LONG, "the address is longer than 4 KiB").into_response()
    } else {
        tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await.unwrap_or_else(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "that took too long; ask for less").into_response()
        })
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers that are no pages: nothing in them is to be run or framed.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NO_CONTENT));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if access.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}
