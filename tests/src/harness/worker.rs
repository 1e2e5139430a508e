//! A `central worker` of a test's own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::binaries;
use super::program::Program;

/// A worker process on a database, or one that was killed and may be resumed.
#[derive(Debug)]
pub struct Worker {
    binary: PathBuf,
    database_url: String,
    folder: TempDir,
    program: Option<Program>,
}

impl Worker {
    /// `sections` is its central.toml.
    pub fn new(database_url: String, sections: &str) -> anyhow::Result<Worker> {
        let folder = tempfile::Builder::new().prefix("black-box-worker-").tempdir()?;
        std::fs::write(folder.path().join("central.toml"), sections)?;
        Ok(Worker { binary: binaries::built("central")?, database_url, folder, program: None })
    }

    /// `central …` with this worker's configuration.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("CENTRAL_CONFIG", self.folder.path().join("central.toml"));
        command
            .env("CENTRAL_DATABASE_URL", &self.database_url)
            .env("CENTRAL_DATA_DIR", self.folder.path().join("data"));
        command.env("RUST_LOG", "info");
        command
    }

    pub fn resume(&mut self) -> anyhow::Result<()> {
        let log = self.folder.path().join("worker.log");
        self.program = Some(Program::start("central worker", &mut self.command(&["worker"]), &log)?);
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

    #[must_use]
    pub fn log(&self) -> String {
        self.program.as_ref().map(Program::log).unwrap_or_default()
    }
}
