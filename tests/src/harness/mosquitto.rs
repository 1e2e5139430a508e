//! A broker of a test's own.

use std::process::Command;

use anyhow::Context as _;
use tempfile::TempDir;

use super::program::{Program, free_port};
use super::wait;

/// A running mosquitto on a free port of loopback. Dropping it stops it.
#[derive(Debug)]
pub struct Mosquitto {
    pub port: u16,
    program: Program,
    _folder: TempDir,
}

impl Mosquitto {
    pub async fn start() -> anyhow::Result<Mosquitto> {
        let folder = tempfile::Builder::new().prefix("black-box-mqtt-").tempdir()?;
        let port = free_port()?;
        let file = folder.path().join("mosquitto.conf");
        // Sessions queue without bound, as nothing else would let an agent that is away lose nothing.
        let configuration = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nlog_type all\n"
        );
        std::fs::write(&file, configuration)?;
        let binary = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"]
            .into_iter()
            .find(|binary| std::path::Path::new(binary).exists())
            .context("there is no mosquitto: apt-get install mosquitto")?;
        let log = folder.path().join("mosquitto.log");
        let program = Program::start("mosquitto", Command::new(binary).arg("-c").arg(&file), &log)?;
        wait::until("the broker to listen", async || {
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok())
        })
        .await?;
        Ok(Mosquitto { port, program, _folder: folder })
    }

    #[must_use]
    pub fn log(&self) -> String {
        self.program.log()
    }
}
