//! `edge-agent enroll`

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use protocol::enrolment::EnrolmentCode;
use serde_json::json;

use super::{ConfigurationFile, block_on};
use crate::buffer::configuration::BufferSection;
use crate::buffer::log_file;
use crate::identity::Identity;
use crate::uplink::enrolment;

/// A code is some 120 characters; whatever is longer is not one.
const CODE_BYTES_MAX: u64 = 4_096;

/// Bind this agent to central with the code that central made
#[derive(Debug, Args)]
#[command(
    after_help = "`central agent invite NAME` makes a code that is good once. Dashes, spaces and case do not matter. \
    Without CODE and --code-file the code is read from standard input, which keeps it out of the shell's history.\n\n\
    Examples:\n  \
        edge-agent enroll 05G1T-6WN0K-...\n  \
        edge-agent enroll --code-file /run/credentials/code\n  \
        ssh central central agent invite line-1 --code-only | edge-agent enroll\n\n\
    Exit codes:\n  \
        0  enrolled\n  \
        1  refused, not reachable, or enrolled already"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// The enrolment code
    code: Option<String>,
    /// Read the code from a file
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    code_file: Option<PathBuf>,
    /// Enrol although this agent is enrolled already: it becomes a new agent at central
    #[arg(long)]
    replace: bool,
    /// With --replace: keep events that the agent's log still holds and let the new agent send them
    #[arg(long, requires = "replace")]
    keep_buffer: bool,
    /// Print the result as JSON: {"agent", "name", "plant", "central"}
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn execute(self) -> anyhow::Result<ExitCode> {
        let configuration = self.configuration.read()?;
        let data_dir = configuration.agent.data_dir.clone();
        let code = EnrolmentCode::parse(&self.read_code()?)?;
        match Identity::read(&data_dir) {
            Ok(None) => {}
            Ok(Some(present)) if !self.replace => bail!(
                "this agent is enrolled already, as {} of plant {} at {}. With --replace it becomes a new agent there; \
                 what the old one has sent stays under its name",
                present.name,
                present.plant,
                present.address
            ),
            Ok(Some(_)) => self.check_log(&data_dir, &configuration.buffer)?,
            Err(error) if !self.replace => return Err(error),
            Err(_) => self.check_log(&data_dir, &configuration.buffer)?,
        }
        let host = crate::run::host_name();
        let identity = block_on(enrolment::enrol(code, &data_dir, host))?;
        identity.write(&data_dir)?;
        let Identity { agent, name, plant, address, .. } = &identity;
        if self.json {
            println!("{}", json!({ "agent": agent, "name": name, "plant": plant, "central": address }));
        } else {
            println!("Enrolled as {name} of plant {plant} at {address}. Next: edge-agent run");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The old agent's last events would become the new one's: that is for a person to say.
    fn check_log(&self, data_dir: &Path, section: &BufferSection) -> anyhow::Result<()> {
        if self.keep_buffer || !log_file(data_dir).exists() {
            return Ok(());
        }
        let waiting = block_on(crate::run::waiting_events(data_dir, section))?;
        if waiting > 0 {
            bail!(
                "{waiting} events wait to be sent by the agent that this computer is enrolled as. Let `edge-agent run` send \
                 them first, or let the new agent send them as its own with --keep-buffer"
            );
        }
        Ok(())
    }

    fn read_code(&self) -> anyhow::Result<String> {
        if let Some(code) = &self.code {
            return Ok(code.clone());
        }
        let mut text = String::new();
        match &self.code_file {
            Some(file) => std::fs::File::open(file)
                .and_then(|reader| reader.take(CODE_BYTES_MAX).read_to_string(&mut text))
                .with_context(|| format!("cannot read the enrolment code from {}", file.display()))?,
            None => std::io::stdin()
                .take(CODE_BYTES_MAX)
                .read_to_string(&mut text)
                .context("cannot read the enrolment code from standard input")?,
        };
        Ok(text.trim().to_owned())
    }
}
