//! The door of `/api/v1`: finds out who asks, before any route. Everything is closed but what [`is_public`] lists.
//!
//! Who a cookie or a token belongs to is remembered for a few seconds, since hundreds of dashboards ask all the time. What
//! this process ends (log-out, a disabled user, a revoked token) is forgotten at once; what another process ends, after
//! [`REMEMBERED`].

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use process::clock::Clock;
use sqlx::PgPool;

use super::password::Hashing;
use super::secret::{Secret, SecretHash, TokenText};
use super::throttle::Throttle;
use super::{Credential, Principal, forwarded, origin, store, tokens};
use crate::web::problem::Problem;
use crate::web::server::PeerAddress;

const REMEMBERED: Duration = Duration::from_secs(5);
const REMEMBERED_MAX: usize = 10_000;
/// How often a long answer asks whether its session still is one.
const ASKED_AGAIN_EVERY: Duration = Duration::from_secs(30);
/// `last_seen_at` and `last_used_at` are true to this.
const SEEN_EVERY: chrono::Duration = chrono::Duration::minutes(1);
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// How browsers reach the web port.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Over TLS, ours or that of something in front of us.
    pub secure: bool,
    /// `https://central.example`, where it is configured.
    pub origin: Option<String>,
    /// Proxies that say in `X-Forwarded-For` whom they ask for.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Who may ask; one for the process, shared.
#[derive(Debug, Clone)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    reader: PgPool,
    clock: Arc<dyn Clock>,
    outside: Outside,
    hashing: Hashing,
    throttle: Mutex<Throttle>,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    principals: HashMap<SecretHash, (Duration, Principal)>,
    /// Raised whenever something is forgotten: what was looked up before is not remembered after.
    forgotten: u64,
}

impl Access {
    #[must_use]
    pub fn new(pool: PgPool, reader: PgPool, clock: Arc<dyn Clock>, outside: Outside) -> Access {
        Access(Arc::new(Inner {
            pool,
            reader,
            clock,
            outside,
            hashing: Hashing::default(),
            throttle: Mutex::default(),
            remembered: Mutex::default(),
        }))
    }

    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    #[must_use]
    pub fn reader(&self) -> &PgPool {
        &self.0.reader
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.clock.wall().0).unwrap_or_default()
    }

    pub(super) fn hashing(&self) -> &Hashing {
        &self.0.hashing
    }

    pub(super) fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.0.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time that nobody sets.
    pub(super) fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.clock.now().monotonic.us)
    }

    /// Hashes a password that fits `name`, for those who make and change users.
    pub async fn hash_password(&self, password: String, name: &str) -> Result<String, Problem> {
        super::password::check(&password, name)?;
        self.0.hashing.hash(password).await
    }

    /// Who asks, if anybody is known.
    async fn principal(&self, headers: &HeaderMap) -> Result<Option<Principal>, sqlx::Error> {
        match (bearer(headers), self.session_secret(headers)) {
            (Some(token), _) => match token {
                Some(token) => self.look_up(token.secret.hash(), true).await,
                None => Ok(None),
            },
            (None, Some(session)) => self.look_up(session.hash(), false).await,
            (None, None) => Ok(None),
        }
    }

    async fn look_up(&self, hash: SecretHash, is_token: bool) -> Result<Option<Principal>, sqlx::Error> {
        let now = self.monotonic();
        let forgotten = {
            let remembered = self.remembered();
            if let Some((since, principal)) = remembered.principals.get(&hash)
                && now.saturating_sub(*since) < REMEMBERED
                && matches!(principal.credential, Credential::Token { .. }) == is_token
            {
                return Ok(Some(principal.clone()));
            }
            remembered.forgotten
        };
        let Some(principal) = self.ask(hash, is_token).await? else { return Ok(None) };
        let mut remembered = self.remembered();
        if remembered.principals.len() >= REMEMBERED_MAX {
            remembered.principals.retain(|_, (since, _)| now.saturating_sub(*since) < REMEMBERED);
        }
        if remembered.forgotten == forgotten && remembered.principals.len() < REMEMBERED_MAX {
            remembered.principals.insert(hash, (now, principal.clone()));
        }
        Ok(Some(principal))
    }

    /// Asks the database, and tells it that they were seen.
    async fn ask(&self, hash: SecretHash, is_token: bool) -> Result<Option<Principal>, sqlx::Error> {
        let now = self.now();
        if is_token {
            let Some((principal, used_at)) = tokens::store::principal(&self.0.reader, hash, now).await? else {
                return Ok(None);
            };
            if used_at.is_none_or(|used| now - used >= SEEN_EVERY) {
                seen(tokens::store::used(&self.0.pool, hash, now)).await;
            }
            return Ok(Some(principal));
        }
        let Some((principal, seen_at)) = store::principal(&self.0.reader, hash, now).await? else { return Ok(None) };
        if now - seen_at >= SEEN_EVERY {
            seen(store::seen(&self.0.pool, hash, now)).await;
        }
        Ok(Some(principal))
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, is_gone: impl Fn(&Credential) -> bool) {
        let mut remembered = self.remembered();
        remembered.forgotten += 1;
        remembered.principals.retain(|_, (_, principal)| !is_gone(&principal.credential));
    }

    /// A user's sessions ended, or what they may has changed.
    pub fn forget_user(&self, id: i32) {
        self.forget(|it| matches!(it, Credential::Session { user_id, .. } if *user_id == id));
    }

    pub fn forget_token(&self, id: i32) {
        self.forget(|it| matches!(it, Credential::Token { token_id, .. } if *token_id == id));
    }

    /// Whether a principal still is one, with the same rights. For answers that last.
    pub async fn holds(&self, principal: &Principal) -> Result<bool, sqlx::Error> {
        let (hash, is_token) = match &principal.credential {
            Credential::Session { hash, .. } => (*hash, false),
            Credential::Token { hash, .. } => (*hash, true),
            Credential::Command => return Ok(true),
        };
        let found = self.look_up(hash, is_token).await?;
        Ok(found.is_some_and(|found| {
            (found.role, &found.plants, &found.credential) == (principal.role, &principal.plants, &principal.credential)
        }))
    }

    /// Resolves once a principal is none any more: a long answer ends then. A database that does not answer ends nothing.
    pub async fn ended(&self, principal: &Principal) {
        loop {
            tokio::time::sleep(ASKED_AGAIN_EVERY).await;
            if matches!(self.holds(principal).await, Ok(false)) {
                return;
            }
        }
    }

    /// Whether browsers reach the web port over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.0.outside.secure
    }

    fn cookie_name(&self) -> &'static str {
        if self.is_secure() { "__Host-central" } else { "central" }
    }

    /// The secret of the session's cookie, if there is one.
    pub(super) fn session_secret(&self, headers: &HeaderMap) -> Option<Secret> {
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie_name()).and_then(|(_, value)| Secret::parse(value))
    }

    /// `Set-Cookie` for a new session.
    pub(super) fn cookie(&self, secret: &Secret) -> HeaderValue {
        self.set_cookie(&secret.text(), store::EXPIRES_AFTER.num_seconds())
    }

    /// `Set-Cookie` that takes the session's cookie away.
    pub(super) fn no_cookie(&self) -> HeaderValue {
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, value: &str, max_age_s: i64) -> HeaderValue {
        let secure = if self.is_secure() { "; Secure" } else { "" };
        let name = self.cookie_name();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}");
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Telling the database when somebody was seen last is not worth failing their request.
async fn seen(told: impl Future<Output = Result<(), sqlx::Error>>) {
    match tokio::time::timeout(SEEN_WITHIN, told).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "could not note when somebody was seen"),
        Err(_) => tracing::debug!("could not note in time when somebody was seen"),
    }
}

/// The token of `Authorization: Bearer`; some none if it is not one of ours.
fn bearer(headers: &HeaderMap) -> Option<Option<TokenText>> {
    let value = headers.get(header::AUTHORIZATION)?;
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| TokenText::parse(token.trim())).flatten()
    });
    Some(token)
}

/// What may be asked by nobody in particular. `path` is below `/api/v1`.
fn is_public(method: &Method, path: &str) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match path {
        "/openapi.json" => reads,
        "/setup" => reads || *method == Method::POST,
        "/session" => *method == Method::POST,
        _ => false,
    }
}

/// Answer to a request of nobody.
pub(super) fn nobody() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "log in first, or send a token as `Authorization: Bearer central_…`")
}

/// Where a request comes from. Without a connection (in tests) this computer.
fn address(extensions: &axum::http::Extensions) -> IpAddr {
    extensions.get::<PeerAddress>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0)
}

/// Where the request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeerOf(pub(super) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for PeerOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<PeerOf, Problem> {
        Ok(PeerOf(address(&parts.extensions)))
    }
}

/// The layer around every route under `/api/v1`. Behind it the peer's address is that of who asks, not of a trusted proxy.
pub async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = forwarded::client(address(&parts.extensions), &parts.headers, &access.0.outside.trusted_proxies);
    parts.extensions.insert(PeerAddress(client));
    match admit(&access, &parts).await {
        Ok(Some(principal)) => {
            parts.extensions.insert(principal);
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    parts.extensions.insert(access);
    next.run(Request::from_parts(parts, body)).await
}

async fn admit(access: &Access, parts: &Parts) -> Result<Option<Principal>, Problem> {
    let (method, headers) = (&parts.method, &parts.headers);
    let path = parts.uri.path();
    let with_token = headers.contains_key(header::AUTHORIZATION);
    let with_cookie = headers.contains_key(header::COOKIE) && access.session_secret(headers).is_some();
    let public_origin = access.0.outside.origin.as_deref();
    if !with_token && !origin::is_own(method, headers, with_cookie, public_origin) {
        let detail = "a session changes something only from central's own pages; programs send a token";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    if is_public(method, path.strip_prefix("/api/v1").unwrap_or(path)) {
        return Ok(None);
    }
    let mut principal = access.principal(headers).await?.ok_or_else(nobody)?;
    principal.address = Some(address(&parts.extensions));
    Ok(Some(principal))
}

/// For answers that last: see [`Access::ended`].
impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Access, Problem> {
        parts.extensions.get::<Access>().cloned().ok_or_else(nobody)
    }
}

#[cfg(test)]
mod tests {
    use process::clock::SystemClock;

    use super::*;

    fn access(secure: bool) -> Access {
        let pool = PgPool::connect_lazy("postgresql://nowhere").unwrap();
        let outside = Outside { secure, ..Outside::default() };
        Access::new(pool.clone(), pool, Arc::new(SystemClock::new(0)), outside)
    }

    #[test]
    fn nothing_is_public_but_the_description_the_setup_and_the_log_in() {
        for (method, path) in [
            (Method::GET, "/openapi.json"),
            (Method::GET, "/setup"),
            (Method::POST, "/setup"),
            (Method::POST, "/session"),
        ] {
            assert!(is_public(&method, path), "{method} {path}");
        }
        for (method, path) in [
            (Method::GET, "/session"),
            (Method::DELETE, "/session"),
            (Method::PUT, "/session/password"),
            (Method::GET, "/machines"),
            (Method::POST, "/openapi.json"),
            (Method::GET, "/setup/"),
            (Method::GET, "/nothing"),
        ] {
            assert!(!is_public(&method, path), "{method} {path}");
        }
    }

    #[tokio::test]
    async fn a_cookie_is_bound_to_the_host_where_there_is_tls() {
        let secret = Secret::random();
        let text = |secure| access(secure).cookie(&secret).to_str().unwrap().to_owned();
        let attributes = "; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800";
        assert_eq!(text(false), format!("central={}{attributes}", secret.text()));
        assert_eq!(text(true), format!("__Host-central={}{attributes}; Secure", secret.text()));
    }

    #[tokio::test]
    async fn the_own_cookie_is_found_among_others() {
        let secret = Secret::random();
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; xcentral=1".parse().unwrap());
        headers.append(header::COOKIE, format!("c; central={}; d=e", secret.text()).parse().unwrap());
        assert_eq!(access(false).session_secret(&headers), Some(secret));
        assert_eq!(access(true).session_secret(&headers), None);
    }
}
