//! Serves a page that was built into the program: central's dashboard, the agent's station page. What the pages' own code
//! has in common lies beside this, in TypeScript.
//!
//! Files under `assets/` carry a hash in their name and are kept for ever by browsers; everything else is asked for
//! again each time and answered with 304 when it did not change. An address that is no file is the page itself: it
//! knows its own addresses.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                       font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                                       form-action 'self'; frame-ancestors 'none'";
const NOT_BUILT: &str = "This program was built without its page. Run `make pages`, then build it again.\n";

/// The files of one built page.
#[derive(Debug, Clone)]
pub struct Pages(Arc<HashMap<String, File>>);

#[derive(Debug)]
struct File {
    plain: Bytes,
    brotli: Option<Bytes>,
    content_type: HeaderValue,
    etag: HeaderValue,
}

impl Pages {
    /// What `E` embeds. `NAME.br` beside `NAME` is its compressed form.
    #[must_use]
    pub fn embedded<E: RustEmbed>() -> Pages {
        let mut files = HashMap::new();
        for path in E::iter().filter(|path| !path.ends_with(".br")) {
            let Some(file) = E::get(&path) else { continue };
            let brotli = E::get(&format!("{path}.br")).map(|file| bytes(file.data));
            let kind = mime_guess::from_path(path.as_ref()).first_or_octet_stream();
            let charset = if kind.type_() == "text" { "; charset=utf-8" } else { "" };
            let hash: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
            let (Ok(content_type), Ok(etag)) = (format!("{kind}{charset}").parse(), format!("\"{hash}\"").parse())
            else {
                continue;
            };
            files.insert(path.into_owned(), File { plain: bytes(file.data), brotli, content_type, etag });
        }
        if !files.contains_key("index.html") {
            tracing::warn!("{}", NOT_BUILT.trim_end());
        }
        Pages(Arc::new(files))
    }

    /// Answers every address that nothing before it answers.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new().fallback(answer).with_state(self)
    }
}

fn bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    }
}

async fn answer(State(pages): State<Pages>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, "this address is only read\n").into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let is_asset = path.starts_with("assets/");
    let found = pages.0.get(path).or_else(|| if is_asset { None } else { pages.0.get("index.html") });
    let Some(file) = found else {
        let built = pages.0.contains_key("index.html");
        return if built { StatusCode::NOT_FOUND.into_response() } else { not_built() };
    };
    let mut response = if headers.get(header::IF_NONE_MATCH) == Some(&file.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.content(&headers)
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, file.etag.clone());
    let keep = if is_asset { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn not_built() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT).into_response()
}

impl File {
    fn content(&self, headers: &HeaderMap) -> Response {
        let takes_brotli = headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|coding| coding.trim() == "br");
        let (body, coding) = match &self.brotli {
            Some(brotli) if takes_brotli => (brotli.clone(), Some(HeaderValue::from_static("br"))),
            _ => (self.plain.clone(), None),
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, coding);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    #[derive(RustEmbed)]
    #[folder = "test-page"]
    struct TestPage;

    async fn ask(path: &str, headers: &[(header::HeaderName, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let router: Router = Pages::embedded::<TestPage>().router();
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn an_address_that_is_no_file_is_the_page_itself() {
        let (status, headers, body) = ask("/machines/7", &[]).await;
        assert_eq!(
            (status, &headers[header::CONTENT_TYPE]),
            (StatusCode::OK, &HeaderValue::from_static("text/html; charset=utf-8"))
        );
        assert!(body.starts_with(b"<!doctype html>"));
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    }

    #[tokio::test]
    async fn an_asset_is_kept_for_ever_and_one_that_is_gone_is_not_the_page() {
        let (status, headers, _) = ask("/assets/page-1234.js", &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(ask("/assets/page-0000.js", &[]).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_compressed_form_is_for_those_who_take_it() {
        let (_, headers, body) = ask("/assets/page-1234.js", &[(header::ACCEPT_ENCODING, "gzip, br")]).await;
        assert_eq!(
            (&headers[header::CONTENT_ENCODING], body.as_slice()),
            (&HeaderValue::from_static("br"), &b"compressed\n"[..])
        );
        let (_, headers, _) = ask("/assets/page-1234.js", &[(header::ACCEPT_ENCODING, "gzip")]).await;
        assert!(!headers.contains_key(header::CONTENT_ENCODING));
    }

    #[tokio::test]
    async fn what_did_not_change_is_not_sent_again() {
        let (_, headers, _) = ask("/", &[]).await;
        let etag = headers[header::ETAG].to_str().unwrap().to_owned();
        let (status, _, body) = ask("/", &[(header::IF_NONE_MATCH, &etag)]).await;
        assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    }
}
