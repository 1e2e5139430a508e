//! Errors as `application/problem+json` (RFC 9457), and extractors that answer with it.
//!
//! A 4xx says what was wrong and what was expected. A 5xx says nothing of the inside: its chain is logged here, once.

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

const UNAVAILABLE_FOR: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<Duration>,
}

/// An error, as RFC 9457 has it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct Body<'p> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    /// What was wrong, what was expected, what to do.
    detail: &'p str,
}

/// The errors that any route may answer with, for its `responses`.
#[derive(Debug, utoipa::IntoResponses)]
pub enum Problems {
    /// The request is not as described; `detail` says what was expected.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Body<'static>),
    /// Nobody is logged in.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Body<'static>),
    /// The role or the token does not allow it.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Body<'static>),
    /// There is no such thing, or it lies in a plant that is not the asker's.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Body<'static>),
    /// It stands as it stands: another of that name, a state that does not allow it.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Body<'static>),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    PayloadTooLarge(Body<'static>),
    /// The address is longer than 4 KiB.
    #[response(status = 414, content_type = "application/problem+json")]
    UriTooLong(Body<'static>),
    /// The body is of another type than the one described.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Body<'static>),
    /// Too many attempts; `Retry-After` says when to come back.
    #[response(status = 429, content_type = "application/problem+json")]
    TooManyRequests(Body<'static>),
    /// The database does not answer, or it took too long; come back after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Body<'static>),
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem { status, detail: detail.into(), retry_after: None }
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Problem {
        self.retry_after = Some(wait);
        self
    }

    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// Logs what failed inside central; the answer says nothing of it.
    pub fn internal(error: &anyhow::Error) -> Problem {
        tracing::error!("a request failed: {error:#}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something is wrong inside central; its log says what")
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        if crate::database::may_pass(&error) {
            tracing::warn!(%error, "a request found no database");
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer; try again");
        }
        if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("57014")) {
            tracing::warn!(%error, "a request took too long");
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "that took too long; ask for less");
        }
        // character_not_in_repertoire: a zero byte, which no text in PostgreSQL holds.
        if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("22021")) {
            return Problem::bad_request("a zero byte is in no name");
        }
        if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) {
            return Problem::conflict("another one of that name is there already");
        }
        tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "something is wrong inside central; its log says what")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let unavailable = self.status == StatusCode::SERVICE_UNAVAILABLE;
        if let Some(wait) = self.retry_after.or(unavailable.then_some(UNAVAILABLE_FOR)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        response
    }
}

/// What stands behind the `?`.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters<T>, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Parameters(value)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

/// What stands in the path.
#[derive(Debug)]
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Segments<T>, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Segments(value)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

/// A body that is JSON.
#[derive(Debug)]
pub struct Content<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Content<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Content<T>, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Content(value)),
            Err(JsonRejection::JsonDataError(rejection)) => Err(Problem::bad_request(rejection.body_text())),
            Err(rejection) => Err(Problem::new(rejection.status(), rejection.body_text())),
        }
    }
}
