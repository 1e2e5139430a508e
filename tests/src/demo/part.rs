//! The processes of the demo.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

/// How long a part may take to finish what it holds.
const STOP_WITHIN: Duration = Duration::from_secs(20);
const TAIL_LINES: usize = 15;

/// A process to be.
#[derive(Debug)]
pub(super) struct Part {
    name: &'static str,
    command: Command,
    log: PathBuf,
}

impl Part {
    pub(super) fn new(name: &'static str, binary: PathBuf, data: &Path) -> Part {
        let mut command = with_us(binary);
        // A group of its own: Ctrl-C reaches the demo alone, which then stops everything in order.
        command.process_group(0).stdin(Stdio::null()).kill_on_drop(true);
        Part { name, command, log: data.join("log").join(format!("{name}.log")) }
    }

    pub(super) fn arguments(mut self, arguments: &[&str]) -> Part {
        self.command.args(arguments);
        self
    }

    pub(super) fn variables(mut self, variables: &[(&'static str, String)]) -> Part {
        self.command.envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }
}

/// Runs it so that the kernel asks it to stop when the demo is gone without a word (`setpriv` is part of util-linux).
fn with_us(binary: PathBuf) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if !cfg!(target_os = "linux") || !setpriv.exists() {
        return Command::new(binary);
    }
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "TERM", "--"]).arg(binary);
    command
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

/// Everything that runs, in the order in which it was started.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Running>);

impl Parts {
    pub(super) fn start(&mut self, mut part: Part) -> anyhow::Result<()> {
        let folder = part.log.parent().context("a log has a folder")?;
        std::fs::create_dir_all(folder)?;
        let out = File::create(&part.log).with_context(|| format!("cannot write {}", part.log.display()))?;
        part.command.stdout(out.try_clone()?).stderr(out);
        let child = part.command.spawn().with_context(|| format!("cannot start {}", part.name))?;
        self.0.push(Running { name: part.name, child, log: part.log });
        Ok(())
    }

    /// Fails with the end of the log of the first part that has ended.
    pub(super) fn all_run(&mut self) -> anyhow::Result<()> {
        for running in &mut self.0 {
            let Some(status) = running.child.try_wait()? else { continue };
            let log = std::fs::read_to_string(&running.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            bail!("{} ended with {status}; the end of {}:\n{tail}", running.name, running.log.display());
        }
        Ok(())
    }

    /// Where the logs are.
    pub(super) fn folder(&self) -> PathBuf {
        self.0.first().and_then(|it| it.log.parent()).map(Path::to_path_buf).unwrap_or_default()
    }

    /// Ends everything: those who give first, those who keep last.
    pub(super) async fn stop(&mut self) {
        for name in ["simulated-plant", "edge-agent", "central", "mosquitto"] {
            for running in self.0.iter_mut().filter(|it| it.name == name) {
                running.stop().await;
            }
        }
    }
}

impl Running {
    async fn stop(&mut self) {
        let Some(id) = self.child.id() else { return };
        let asked = Command::new("kill").args(["-s", "TERM", &id.to_string()]).status().await;
        let ended = asked.is_ok() && tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_ok();
        if !ended {
            super::say(&format!("{} does not stop: killing it", self.name));
            let _ = self.child.kill().await;
        }
    }
}
