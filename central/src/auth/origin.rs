//! Whether a request that changes something was sent by our own page. A cookie goes along with whatever a browser sends,
//! also when another site made it send; a token does not, so requests with a token are not asked.
//!
//! Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`. Programs say neither: with a
//! session's cookie that is refused (they have tokens), without one there is nothing to misuse.

use axum::http::{HeaderMap, Method, header};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether it may be acted on. `public_origin` is how browsers reach central where something in front of it changes the
/// `Host`.
#[must_use]
pub(super) fn is_own(method: &Method, headers: &HeaderMap, with_cookie: bool, public_origin: Option<&str>) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return true;
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text(SEC_FETCH_SITE) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return !with_cookie };
    if public_origin.is_some_and(|own| own.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = text(header::HOST.as_str());
    let own = origin.split_once("://").map(|(_, authority)| authority);
    own.zip(host).is_some_and(|(own, host)| !host.is_empty() && own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_changes_something_with_a_cookie() {
        let own = "https://central.example";
        // Method, Sec-Fetch-Site, Origin, with a cookie, expected.
        for (method, site, origin, cookie, expected) in [
            (Method::GET, Some("cross-site"), None, true, true),
            (Method::POST, Some("same-origin"), None, true, true),
            (Method::POST, Some("none"), None, true, true),
            (Method::POST, Some("same-site"), None, true, false),
            (Method::POST, Some("cross-site"), None, true, false),
            (Method::POST, Some("cross-site"), Some("http://central:8080"), true, false),
            (Method::POST, Some("\u{fc}"), None, true, false),
            (Method::DELETE, None, Some("http://central:8080"), true, true),
            (Method::DELETE, None, Some(own), true, true),
            (Method::DELETE, None, Some("http://central:8081"), true, false),
            (Method::PATCH, None, Some("https://evil.example"), true, false),
            (Method::PUT, None, Some("null"), true, false),
            (Method::PUT, None, None, true, false),
            (Method::POST, None, None, false, true),
            (Method::POST, Some("cross-site"), None, false, false),
            (Method::POST, None, Some("https://evil.example"), false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "central:8080".parse().unwrap());
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, axum::http::HeaderValue::from_bytes(site.as_bytes()).unwrap());
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            let found = is_own(&method, &headers, cookie, Some(own));
            assert_eq!(found, expected, "{method} {site:?} {origin:?} {cookie}");
        }
    }
}
