//! An edge agent of a test's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use super::binaries;
use super::central::get;
use super::program::{Program, Ran, free_port};
use super::wait;

/// An agent: its folder, its configuration and, while it runs, its process.
#[derive(Debug)]
pub struct Agent {
    pub name: String,
    binary: PathBuf,
    folder: TempDir,
    data_dir: PathBuf,
    status: SocketAddr,
    /// Where its station page is served.
    pub station: SocketAddr,
    program: Option<Program>,
}

/// Retries and heartbeats at the pace of a test.
const QUICK_UPLINK: &str =
    "[uplink]\nheartbeat_ms = 500\nretry_max_ms = 500\nresponse_timeout_ms = 3000\nconnect_timeout_ms = 2000\n";

impl Agent {
    /// An agent that is configured and not enrolled. `sections` is everything but `[agent]`, `[uplink]`, `[status]` and
    /// `[station]`.
    pub fn new(name: &str, sections: &str) -> anyhow::Result<Agent> {
        let folder = tempfile::Builder::new().prefix("black-box-agent-").tempdir()?;
        let agent = Agent {
            name: name.to_owned(),
            binary: binaries::built("edge-agent")?,
            data_dir: folder.path().join("data"),
            status: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
            station: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
            folder,
            program: None,
        };
        agent.configure(sections)?;
        Ok(agent)
    }

    /// Another agent that runs from a copy of this one's data folder, as from a cloned disk.
    pub fn cloned(&self) -> anyhow::Result<Agent> {
        let clone = Agent::new(&self.name, "")?;
        let configuration =
            self.configuration()?.replace(&self.data_dir.display().to_string(), &clone.data_dir.display().to_string());
        let configuration = configuration.replace(&self.status.to_string(), &clone.status.to_string());
        let configuration = configuration.replace(&self.station.to_string(), &clone.station.to_string());
        std::fs::write(clone.config_file(), configuration)?;
        copy_folder(&self.data_dir, &clone.data_dir)?;
        Ok(clone)
    }

    /// Copies the data folder to keep it.
    pub fn back_up(&self) -> anyhow::Result<TempDir> {
        let backup = tempfile::tempdir()?;
        copy_folder(&self.data_dir, backup.path())?;
        Ok(backup)
    }

    /// Puts a kept data folder in the place of the present one.
    pub fn restore(&self, backup: &TempDir) -> anyhow::Result<()> {
        std::fs::remove_dir_all(&self.data_dir)?;
        copy_folder(backup.path(), &self.data_dir)
    }

    /// Writes the configuration file.
    pub fn configure(&self, sections: &str) -> anyhow::Result<()> {
        let uplink = if sections.contains("[uplink]") { "" } else { QUICK_UPLINK };
        let text = format!(
            "[agent]\ndata_dir = \"{}\"\n\n[status]\nlisten = \"{}\"\n\n[station]\nlisten = \"{}\"\n\n{uplink}\n{sections}",
            self.data_dir.display(),
            self.status,
            self.station,
        );
        std::fs::write(self.config_file(), text).context("cannot write the agent's configuration")
    }

    pub fn configuration(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.config_file())?)
    }

    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("edge-agent.toml")
    }

    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Moves the data folder elsewhere, such as onto a small disk. Only before the agent is enrolled.
    pub fn set_data_dir(&mut self, data_dir: &Path, sections: &str) -> anyhow::Result<()> {
        self.data_dir = data_dir.to_owned();
        self.configure(sections)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("edge-agent.log")
    }

    /// `edge-agent SUBCOMMAND --config … ARGUMENTS`.
    #[must_use]
    pub fn command(&self, subcommand: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(subcommand).arg("--config").arg(self.config_file()).args(arguments);
        command.env("RUST_LOG", std::env::var("AGENT_LOG").unwrap_or_else(|_| "info".into()));
        command
    }

    /// Runs `edge-agent SUBCOMMAND` to its end.
    pub async fn run(&self, subcommand: &str, arguments: &[&str]) -> anyhow::Result<Ran> {
        let mut command = self.command(subcommand, arguments);
        tokio::task::spawn_blocking(move || Ran::of(&mut command)).await?
    }

    /// Starts `edge-agent run`.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.resume_as("run", &[])
    }

    /// Starts a subcommand that goes on, such as `replay`.
    pub fn resume_as(&mut self, subcommand: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command(subcommand, arguments);
        self.program = Some(Program::start(&format!("edge-agent {}", self.name), &mut command, &self.log_file())?);
        Ok(())
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

    /// The exit code of a process that has ended by itself.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.program.as_mut()?.ended().map(|status| status.code())
    }

    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
    }

    /// Asks for SIGHUP and the like.
    pub fn signal(&self, signal: &str) {
        if let Some(program) = &self.program {
            program.signal(signal);
        }
    }

    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// What the agent says of itself on its own page.
    pub async fn status(&self) -> anyhow::Result<Value> {
        let url = format!("http://{}/status", self.status);
        let text = tokio::task::spawn_blocking(move || get(&url)).await??;
        serde_json::from_str(&text).with_context(|| format!("the status is no JSON: {text}"))
    }

    /// Waits until a subject's condition has this health, and returns its reason.
    pub async fn until_health(&self, subject: &str, health: &str) -> anyhow::Result<String> {
        wait::until(&format!("{subject} to be {health}"), async || {
            let status = self.status().await?;
            let conditions = status["conditions"].as_array().context("the status has conditions")?;
            let found = conditions.iter().find(|it| it["subject"] == subject && it["health"] == health);
            found.map_or_else(
                || Err(anyhow::anyhow!("{}", status["conditions"])),
                |it| Ok(Some(it["reason"].as_str().unwrap_or_default().to_owned())),
            )
        })
        .await
    }
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
