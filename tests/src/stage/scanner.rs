//! A barcode scanner that the agent reads by itself: over TCP, it connects and waits to hear that a code is stored.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::program::free_port;
use crate::harness::wait;

/// What the agent is configured to answer.
const STORED: u8 = 6;
const STORED_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) port: u16,
    connection: Option<TcpStream>,
}

impl Scanner {
    pub(super) fn at_a_free_port() -> anyhow::Result<Scanner> {
        Ok(Scanner { port: free_port()?, connection: None })
    }

    /// Reads a code; returns when it is stored.
    pub(super) async fn reads(&mut self, code: &str) -> anyhow::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => wait::until("the agent to take the scanner", async || Ok(Some(self.connect().await?))).await?,
        };
        connection.write_all(format!("{code}\r").as_bytes()).await?;
        let heard = tokio::time::timeout(STORED_WITHIN, connection.read_u8()).await.context("not stored in time")??;
        ensure!(heard == STORED, "the scanner heard {heard}");
        self.connection = Some(connection);
        Ok(())
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        Ok(TcpStream::connect(("127.0.0.1", self.port)).await?)
    }
}
