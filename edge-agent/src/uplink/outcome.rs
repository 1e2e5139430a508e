//! What an answer means. Pure.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use protocol::codec;
use protocol::reply::Reply;

use super::link::LinkError;
use super::problem::Problem;

/// No central asks for a longer pause; a proxy that does is not believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// What became of one batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Central looked at the batch, and this is its verdict.
    Reply(Box<Reply>),
    /// Central did not look at it, or nobody knows whether it did.
    Setback(Setback),
}

/// Why there is no verdict. Whatever it is, the batch may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    TimedOut(String),
    #[error("central is busy")]
    Busy { retry_after: Option<Duration> },
    #[error("central finds the batch too large")]
    TooLarge,
    #[error("central refuses this agent: {0}; enable it there, or enrol it again")]
    Refused(String),
    #[error("central does not speak this agent's version of the protocol: {0}; update the older of the two")]
    Version(String),
    #[error("central cannot read what this agent sends: {0}")]
    NotUnderstood(String),
    #[error("{0}")]
    Unexpected(String),
}

/// What an answer to a batch means.
#[must_use]
pub fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let told = || Problem::read(body).to_string();
    Outcome::Setback(match status {
        StatusCode::OK | StatusCode::CONFLICT => match codec::decode::<Reply>(body) {
            Ok(reply) => return Outcome::Reply(Box::new(reply)),
            Err(error) => Setback::Unexpected(format!("the answer ({status}) is not central's: {error}")),
        },
        StatusCode::FORBIDDEN => Setback::Refused(told()),
        StatusCode::BAD_REQUEST => Setback::NotUnderstood(told()),
        StatusCode::PAYLOAD_TOO_LARGE => Setback::TooLarge,
        StatusCode::UPGRADE_REQUIRED => Setback::Version(told()),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            Setback::Busy { retry_after: retry_after(headers) }
        }
        status => Setback::Unexpected(format!("central answered {status}: {}", told())),
    })
}

impl From<&LinkError> for Setback {
    fn from(error: &LinkError) -> Setback {
        match error {
            LinkError::ResponseTimeout { .. } => Setback::TimedOut(error.to_string()),
            _ => Setback::Unreachable(error.to_string()),
        }
    }
}

/// Seconds; the form with a date is not used between agent and central.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use protocol::chain::ChainHash;
    use protocol::id::{Epoch, Seq};
    use protocol::reply::{DivergenceReason, Verdict};
    use protocol::time::UtcMicros;

    use super::*;

    fn reply(verdict: Verdict) -> Reply {
        Reply {
            verdict,
            epoch: Epoch(1),
            acknowledged: Seq(7),
            hash: ChainHash::START,
            server_time: UtcMicros(1),
            pause_ms: 0,
            master_data_revision: 0,
            master_data: None,
        }
    }

    fn setback(status: u16, body: &[u8]) -> Setback {
        match classify(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body) {
            Outcome::Setback(setback) => setback,
            Outcome::Reply(reply) => panic!("{reply:?}"),
        }
    }

    #[test]
    fn a_frame_is_a_reply_and_anything_else_is_not() {
        let diverged = Verdict::Diverged { reason: DivergenceReason::Rewound, text: "ends at 5".into() };
        for (status, verdict) in
            [(200, Verdict::Accepted), (200, Verdict::Gap), (200, Verdict::NewEpoch), (409, diverged)]
        {
            let reply = reply(verdict);
            let frame = codec::encode(&reply).unwrap();
            let outcome = classify(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), &frame);
            assert_eq!(outcome, Outcome::Reply(Box::new(reply)));
        }
        assert!(matches!(setback(200, b"<html>"), Setback::Unexpected(_)));
        assert!(matches!(setback(409, b""), Setback::Unexpected(_)));
    }

    #[test]
    fn every_status_has_its_meaning() {
        let body = br#"{"title":"No","detail":"disabled"}"#;
        assert_eq!(setback(403, body), Setback::Refused("No: disabled".into()));
        assert_eq!(setback(400, body), Setback::NotUnderstood("No: disabled".into()));
        assert_eq!(setback(413, b""), Setback::TooLarge);
        assert_eq!(setback(426, body), Setback::Version("No: disabled".into()));
        assert_eq!(setback(503, b""), Setback::Busy { retry_after: None });
        assert_eq!(setback(429, b""), Setback::Busy { retry_after: None });
        for status in [201, 204, 301, 401, 404, 500, 502, 504] {
            assert!(matches!(setback(status, b""), Setback::Unexpected(_)), "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_within_reason() {
        for (value, expected) in [
            ("7", Some(Duration::from_secs(7))),
            (" 0 ", Some(Duration::ZERO)),
            ("999999999", Some(RETRY_AFTER_MAX)),
            ("-1", None),
            ("Sun, 22 Nov 2026 16:00:00 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            let outcome = classify(StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
            assert_eq!(outcome, Outcome::Setback(Setback::Busy { retry_after: expected }), "{value}");
        }
    }
}
