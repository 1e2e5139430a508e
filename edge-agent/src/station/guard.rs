//! Who may speak to the page: browsers that show it under a name of this computer, and nobody through another page.
//!
//! - **Host**: a name of another's domain that resolves to this computer (DNS rebinding) is refused. A bare address cannot
//!   be rebound and is always right.
//! - **Origin, Sec-Fetch-Site**: another page in the same browser gets nothing and enters nothing.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api::{Refusal, RefusalCode};

/// The names of this computer. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Guard(Arc<[String]>);

impl Guard {
    pub(super) fn new(host_name: &str, configured: &[String]) -> Guard {
        let names = ["localhost", host_name].into_iter().chain(configured.iter().map(String::as_str));
        Guard(names.map(str::to_ascii_lowercase).collect())
    }

    fn knows(&self, authority: &str) -> bool {
        let host = host_of(authority);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().is_ok()
            || self.0.iter().any(|name| name.eq_ignore_ascii_case(host.trim_end_matches('.')))
    }

    fn check(&self, method: &Method, is_api: bool, headers: &HeaderMap) -> Result<(), (StatusCode, Refusal)> {
        let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"));
        let host = text(header::HOST).unwrap_or("");
        if !self.knows(host) {
            let detail = "This page is not known under that name. Use the computer's name or address, or add the name to \
                          [station] hosts.";
            return Err((StatusCode::MISDIRECTED_REQUEST, RefusalCode::NotAllowed.because(detail)));
        }
        if !is_api {
            return Ok(());
        }
        let elsewhere =
            || Err((StatusCode::FORBIDDEN, RefusalCode::NotAllowed.because("Only this station's own page may ask.")));
        match headers.get("sec-fetch-site").map(header::HeaderValue::as_bytes) {
            None | Some(b"same-origin") => {}
            Some(b"none") if method == Method::GET => {}
            Some(_) => return elsewhere(),
        }
        match text(header::ORIGIN) {
            None => Ok(()),
            Some(origin) => {
                let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
                if authority.is_some_and(|it| it.eq_ignore_ascii_case(host)) { Ok(()) } else { elsewhere() }
            }
        }
    }
}

/// Without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    }
}

pub(super) async fn watch(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    match guard.check(request.method(), is_api, request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, refusal)) => (status, axum::Json(refusal)).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: &Method, headers: &[(&'static str, &'static str)]) -> Option<u16> {
        let guard = Guard::new("Press-PC", &["press.plant.local".to_owned()]);
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        guard.check(method, true, &headers).err().map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_names_of_this_computer_and_bare_addresses_are_its_hosts() {
        for host in [
            "localhost:8081",
            "127.0.0.1:8081",
            "[::1]:8081",
            "press-pc",
            "PRESS.plant.local:80",
            "10.1.2.3",
            "localhost.",
        ] {
            assert_eq!(outcome(&Method::GET, &[("host", host)]), None, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "press-pc.evil",
            "[::1",
        ] {
            let refused = outcome(&Method::GET, &[("host", host)]);
            assert!(refused == Some(421) || host == "[::1", "{host}: {refused:?}");
        }
        assert_eq!(outcome(&Method::GET, &[]), Some(421));
    }

    #[test]
    fn other_pages_get_nothing_and_enter_nothing() {
        let host = ("host", "localhost:8081");
        let own = ("origin", "http://localhost:8081");
        assert_eq!(outcome(&Method::POST, &[host, own, ("sec-fetch-site", "same-origin")]), None);
        assert_eq!(outcome(&Method::GET, &[host, ("sec-fetch-site", "none")]), None);
        for other in
            ["http://localhost:3000", "http://evil.example", "null", "file://", "http://localhost:8081.evil.example"]
        {
            assert_eq!(outcome(&Method::POST, &[host, ("origin", other)]), Some(403), "{other}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(outcome(&Method::POST, &[host, own, ("sec-fetch-site", site)]), Some(403), "{site}");
        }
        assert_eq!(outcome(&Method::GET, &[host, ("sec-fetch-site", "cross-site")]), Some(403));
    }
}
