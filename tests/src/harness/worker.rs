//! A `central worker` of a test's own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::binaries;
use super::program::Program;
use super::wait;

/// A worker process on a database, or one that was killed and may be resumed.
#[derive(Debug)]
pub struct Worker {
    binary: PathBuf,
    database_url: String,
    folder: TempDir,
    program: Option<Program>,
    lives: usize,
}

impl Worker {
    /// `sections` is its central.toml.
    pub fn new(database_url: String, sections: &str) -> anyhow::Result<Worker> {
        let folder = tempfile::Builder::new().prefix("black-box-worker-").tempdir()?;
        std::fs::write(folder.path().join("central.toml"), sections)?;
        Ok(Worker { binary: binaries::built("central")?, database_url, folder, program: None, lives: 0 })
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
        self.lives += 1;
        self.program = Some(Program::start("central worker", &mut self.command(&["worker"]), &self.log_file())?);
        Ok(())
    }

    /// Waits until its present life has begun.
    pub async fn until_it_works(&self) -> anyhow::Result<()> {
        wait::until_equal("the worker to work", self.lives, async || Ok(self.log().matches("the worker works").count()))
            .await
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

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("worker.log")
    }

    /// Everything it has written so far, over all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}
