//! Signed webhooks.
//!
//! `POST` of JSON with three headers: `X-Central-Delivery` (the same over all retries), `X-Central-Timestamp` (seconds
//! since 1970, of this try) and `X-Central-Signature: sha256=…`, the HMAC-SHA-256 of `timestamp.body` in hex, by the
//! channel's secret. A 2xx takes it. 408, 429, 5xx and no answer are tried again, not before a `Retry-After`; every other
//! answer is final. Redirects are not followed.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use sha2::Sha256;

use super::letter::Letter;
use super::{Answer, Refused, Way};
use crate::queue::attempt::Failure;
use crate::queue::dead_letters::shortened;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of the answer that are read and kept.
const ANSWER_BYTES_MAX: usize = 500;

/// Why an address is none for a webhook. `plain_http` allows HTTP without TLS; private addresses are allowed either way,
/// a plant's network is made of them.
pub fn check_address(address: &str, plain_http: bool) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("{address:?} is not a URL: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if plain_http => {}
        "http" => {
            return Err("the address is http://, which anybody on the way reads; say plain_http to allow it".to_owned());
        }
        other => return Err(format!("the address begins with {other}: expected https://")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the address names no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user and a password do not belong into an address; receivers check the signature".to_owned());
    }
    Ok(url)
}

/// Scheme, host and port of an address, without what may be a secret of the receiver's.
#[must_use]
pub fn receiver(address: &str) -> String {
    Url::parse(address).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// `sha256=` and the signature in hex.
#[must_use]
pub fn signature(secret: &str, timestamp: i64, body: &[u8]) -> String {
    // A key of any length is one: this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    /// Not before this much later, where the receiver said so.
    Again(Option<Duration>),
    Final,
}

/// The table of answers. `retry_after` is the header, in seconds or as a date.
#[must_use]
pub fn classify(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        408 | 429 | 500..=599 => Verdict::Again(retry_after.and_then(|text| pause(text.trim(), now))),
        _ => Verdict::Final,
    }
}

fn pause(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?;
    (at.to_utc() - now).to_std().ok()
}

/// The client of all webhooks: it follows nothing and keeps nothing.
pub fn client() -> anyhow::Result<Client> {
    Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("central/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("cannot make the client for webhooks")
}

/// Webhooks, as of now.
#[derive(Debug)]
pub struct ByWebhook<'c> {
    pub client: &'c Client,
    pub at: DateTime<Utc>,
}

impl Way for ByWebhook<'_> {
    async fn send(&self, letter: &Letter) -> Result<Answer, Refused> {
        let refused = |failure| Refused { answer: Answer::default(), failure };
        let url = check_address(&letter.address, true).map_err(|error| refused(Failure::Fail(anyhow!(error))))?;
        let secret = letter.secret.as_deref().unwrap_or_default();
        let (body, timestamp) = (letter.json().to_string(), self.at.timestamp());
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("X-Central-Delivery", letter.delivery.to_string())
            .header("X-Central-Timestamp", timestamp)
            .header("X-Central-Signature", signature(secret, timestamp, body.as_bytes()))
            .body(body);
        let mut response = request.send().await.map_err(|error| {
            // The address may be a secret of its own: the log of deliveries names the channel.
            let error = anyhow::Error::new(error.without_url()).context("the receiver did not answer");
            refused(Failure::retry(error))
        })?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let verdict = classify(status, retry_after, self.at);
        let mut read = Vec::new();
        while read.len() < ANSWER_BYTES_MAX
            && let Ok(Some(chunk)) = response.chunk().await
        {
            read.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX - read.len())]);
        }
        let text = Some(shortened(&String::from_utf8_lossy(&read)));
        let answer = Answer { status: Some(i32::from(status)), text };
        let failure = match verdict {
            Verdict::Taken => return Ok(answer),
            Verdict::Again(after) => Failure::Retry { error: anyhow!("the receiver answered {status}"), after },
            Verdict::Final => {
                Failure::Fail(anyhow!("the receiver answered {status}, which trying again does not change"))
            }
        };
        Err(Refused { answer, failure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_other_programs() {
        // printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        let expected = "sha256=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686";
        assert_eq!(signature("secret", 1_700_000_000, br#"{"a":1}"#), expected);
    }

    #[test]
    fn answers_are_taken_tried_again_or_final() {
        let now = DateTime::from_timestamp(1_445_412_420, 0).unwrap();
        for (status, retry_after, expected) in [
            (200, None, Verdict::Taken),
            (204, None, Verdict::Taken),
            (301, None, Verdict::Final),
            (400, Some("5"), Verdict::Final),
            (410, None, Verdict::Final),
            (408, None, Verdict::Again(None)),
            (429, Some("120"), Verdict::Again(Some(Duration::from_secs(120)))),
            (503, Some("Wed, 21 Oct 2015 07:28:00 GMT"), Verdict::Again(Some(Duration::from_secs(60)))),
            (503, Some("soon"), Verdict::Again(None)),
            (500, None, Verdict::Again(None)),
        ] {
            assert_eq!(classify(status, retry_after, now), expected, "{status} {retry_after:?}");
        }
    }

    #[test]
    fn addresses_are_https_unless_somebody_says_otherwise() {
        assert!(check_address("https://10.0.0.7:8443/hook?x=1", false).is_ok());
        assert!(check_address("http://andon.local/hook", true).is_ok());
        for wrong in
            ["http://andon.local/hook", "ftp://a/b", "https://", "hook", "https://me:pw@host/", "file:///etc/passwd"]
        {
            assert!(check_address(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_a_receiver_no_secret_is_said() {
        assert_eq!(receiver("https://hooks.example:8443/T0/s3cret?key=s3cret#s3cret"), "https://hooks.example:8443");
        assert_eq!(receiver("nonsense"), "");
    }
}
