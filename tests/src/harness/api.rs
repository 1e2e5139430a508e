//! The HTTP APIs of central and of the station, as any other program would ask them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: Option<String>,
}

impl Api {
    #[must_use]
    pub fn of_central(web: SocketAddr, token: &str) -> Api {
        Api { base: format!("http://{web}/api/v1"), token: Some(token.to_owned()) }
    }

    /// It asks for nothing: whoever stands at the station is logged on there.
    #[must_use]
    pub fn of_station(page: SocketAddr) -> Api {
        Api { base: format!("http://{page}/api/station"), token: None }
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.ask("GET", path, None).await?;
        ensure!(status == 200, "{path} answered {status}: {answer}");
        Ok(answer)
    }

    /// Makes a thing, or finds that an earlier run has made it.
    pub async fn make(&self, path: &str, thing: Value) -> anyhow::Result<()> {
        let (status, answer) = self.ask("POST", path, Some(thing.clone())).await?;
        ensure!(status == 201 || status == 409, "{path} {thing} was answered {status}: {answer}");
        Ok(())
    }

    pub async fn replace(&self, path: &str, thing: Value) -> anyhow::Result<()> {
        let (status, answer) = self.ask("PUT", path, Some(thing.clone())).await?;
        ensure!(status == 200, "{path} {thing} was answered {status}: {answer}");
        Ok(())
    }

    /// Enters something at the station and finds it stored.
    pub async fn enter(&self, path: &str, entry: Value) -> anyhow::Result<()> {
        let (status, answer) = self.ask("POST", path, Some(entry.clone())).await?;
        ensure!(status == 200, "{path} {entry} was answered {status}: {answer}");
        Ok(())
    }

    /// Status and answer.
    pub async fn ask(&self, method: &'static str, path: &str, body: Option<Value>) -> anyhow::Result<(u16, Value)> {
        let (url, token) = (format!("{}/{path}", self.base), self.token.clone());
        let (status, text) = tokio::task::spawn_blocking(move || ask(method, &url, token, body)).await??;
        let answer = serde_json::from_str(&text).with_context(|| format!("{path} answered no JSON: {text}"))?;
        Ok((status, answer))
    }
}

fn ask(method: &str, url: &str, token: Option<String>, body: Option<Value>) -> anyhow::Result<(u16, String)> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).http_status_as_error(false).build().into();
    let with_token = |request: ureq::http::request::Builder| match &token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    let request = with_token(ureq::http::Request::builder().method(method).uri(url));
    let answer = match body {
        Some(body) => {
            let request = request.header("content-type", "application/json");
            agent.run(request.body(body.to_string())?)
        }
        None => agent.run(request.body(())?),
    };
    let mut answer = answer.with_context(|| format!("cannot ask {url}"))?;
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}
