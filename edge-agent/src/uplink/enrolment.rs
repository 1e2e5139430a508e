//! Binding this agent's key to central: one request, with the one-time secret of the code.
//!
//! The secret is sent only to a server whose key the code names.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hyper::StatusCode;
use protocol::enrolment::{EnrolmentCode, EnrolmentReply, EnrolmentRequest};

use super::link::{Address, Answer, Deadlines, Expected, Link};
use super::problem::Problem;
use crate::identity::{Identity, NextKey};

const DEADLINES: Deadlines = Deadlines { connect: Duration::from_secs(10), response: Duration::from_secs(30) };

/// Enrols with `code` and returns the identity central gave. It is not written yet.
pub async fn enrol(code: EnrolmentCode, data_dir: &Path, host: String) -> anyhow::Result<Identity> {
    let address = Address::parse(&code.address).context("the enrolment code names no usable address of central")?;
    let next = NextKey::read_or_make(data_dir)?;
    let request = EnrolmentRequest {
        secret: data_encoding::HEXLOWER.encode(&code.secret),
        host,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let body = serde_json::to_vec(&request)?;
    let mut link = Link::new(address, &next.key, Expected::NamedBy(code.clone()), DEADLINES)?;
    let answer = link.post("/agent/v1/enrol", "application/json", body.into()).await?;
    let reply = understand(&answer)?;
    let central_key = link.shown_key().context("central showed no key")?;
    Ok(next.becomes(reply.agent, reply.name, reply.plant, code.address, central_key))
}

fn understand(answer: &Answer) -> anyhow::Result<EnrolmentReply> {
    match answer.status {
        StatusCode::OK => serde_json::from_slice(&answer.body).context("central's answer cannot be read"),
        StatusCode::FORBIDDEN => {
            let problem = Problem::read(&answer.body);
            bail!("central refused the code: {problem}. Make a new one there with `central agent invite`");
        }
        status => bail!("central answered {status}: {}", Problem::read(&answer.body)),
    }
}
