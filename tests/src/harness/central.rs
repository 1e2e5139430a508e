//! A central of a test's own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::binaries;
use super::program::{Program, Ran};
use super::wait;

/// A running `central serve`, or one that was killed and may be resumed. Its key is in its data folder, so that agents
/// know it again.
#[derive(Debug)]
pub struct Central {
    binary: PathBuf,
    variables: Vec<(&'static str, String)>,
    log: PathBuf,
    pub agents: SocketAddr,
    pub web: SocketAddr,
    program: Option<Program>,
    /// What the API is asked with.
    pub(super) token: Option<String>,
}

/// Where a central keeps things and listens.
#[derive(Debug, Clone)]
pub struct CentralSettings {
    pub data_dir: PathBuf,
    pub database_url: String,
    pub agents: SocketAddr,
    pub web: SocketAddr,
    /// What enrolment codes carry: a proxy in front of `agents`.
    pub public_address: String,
    pub log: PathBuf,
}

impl Central {
    pub fn new(settings: CentralSettings) -> anyhow::Result<Central> {
        let variables = vec![
            ("CENTRAL_DATA_DIR", settings.data_dir.display().to_string()),
            ("CENTRAL_DATABASE_URL", settings.database_url),
            ("CENTRAL_AGENTS_LISTEN", settings.agents.to_string()),
            ("CENTRAL_AGENTS_PUBLIC_ADDRESS", settings.public_address),
            ("CENTRAL_WEB_LISTEN", settings.web.to_string()),
        ];
        let binary = binaries::built("central")?;
        let (agents, web, log) = (settings.agents, settings.web, settings.log);
        Ok(Central { binary, variables, log, agents, web, program: None, token: None })
    }

    /// Sets a further environment variable for every start from here on.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.variables.push((name, value.into()));
    }

    /// `central …` with this central's configuration.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value))).env("RUST_LOG", "info");
        command
    }

    /// Runs `central …` to its end.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Ran> {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || Ran::of(&mut command)).await?
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        self.program = Some(Program::start("central", &mut self.command(&["serve"]), &self.log)?);
        Ok(())
    }

    /// Starts it and waits until it is ready; starts it again if it ends, as a service manager would.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + wait::PATIENCE;
        loop {
            if self.program.as_mut().is_none_or(|program| program.ended().is_some()) {
                self.spawn()?;
            }
            if self.get("/health/ready").await.is_ok() {
                return Ok(());
            }
            let log = || self.program.as_ref().map(Program::log).unwrap_or_default();
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "central does not become ready:\n{}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.kill();
        }
    }

    /// SIGTERM; true if it ended by itself and with success.
    pub fn stop(&mut self) -> bool {
        let stopped = self.program.take().and_then(|mut program| program.stop(Duration::from_secs(30)));
        stopped.is_some_and(|status| status.success())
    }

    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
    }

    /// The token that its API is asked with: may everything.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Makes a token for everything through the command line, and asks with it from here on.
    pub async fn make_token(&mut self) -> anyhow::Result<()> {
        let scopes = ["read", "stops:write", "master_data:write", "work:write", "agents:write", "users:write"];
        let name = format!("test-{}", self.web.port());
        let mut arguments = vec!["token", "add", &name, "--json"];
        arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        let made = self.run(&arguments).await?.json()?;
        self.token = Some(made["secret"].as_str().context("a token has a secret")?.to_owned());
        Ok(())
    }

    /// The text of a page of its web port.
    pub async fn get(&self, path: &str) -> anyhow::Result<String> {
        let (url, token) = (format!("http://{}{path}", self.web), self.token.clone());
        tokio::task::spawn_blocking(move || get_with(&url, token.as_deref())).await?
    }

    /// Sends JSON to its web port; status and answer.
    pub async fn send(&self, method: &'static str, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let (url, token, body) = (format!("http://{}{path}", self.web), self.token.clone(), body.to_string());
        tokio::task::spawn_blocking(move || send(method, &url, token.as_deref(), &body)).await?
    }

    /// The JSON of a page of its web port.
    pub async fn api(&self, path: &str) -> anyhow::Result<Value> {
        let text = self.get(path).await?;
        serde_json::from_str(&text).with_context(|| format!("{path} answered no JSON: {text}"))
    }
}

fn send(method: &str, url: &str, token: Option<&str>, body: &str) -> anyhow::Result<(u16, Value)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(20)))
        .http_status_as_error(false)
        .build()
        .into();
    let request = match method {
        "POST" => agent.post(url),
        "PUT" => agent.put(url),
        _ => anyhow::bail!("{method} sends no body"),
    };
    let token = format!("Bearer {}", token.unwrap_or_default());
    let request = request.header("authorization", token).header("content-type", "application/json");
    let mut response = request.send(body).with_context(|| format!("cannot ask {url}"))?;
    let text = response.body_mut().read_to_string()?;
    let answer =
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).with_context(|| text.clone())? };
    Ok((response.status().as_u16(), answer))
}

/// A page, within a few seconds.
pub fn get(url: &str) -> anyhow::Result<String> {
    get_with(url, None)
}

/// A page, asked for with a token.
pub fn get_with(url: &str, token: Option<&str>) -> anyhow::Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().with_context(|| format!("cannot get {url}"))?;
    let text = response.body_mut().read_to_string()?;
    anyhow::ensure!(response.status().is_success(), "{url} answered {}: {text}", response.status());
    Ok(text)
}
