//! One machine on the floor: its life, saved before anybody sees it.
//!
//! - **Who writes**: only the machine's own task steps it; only its publisher says what was told.
//! - **Order**: a step is in the state file before a register or a message shows it, so that a killed simulation never
//!   goes on with fewer pieces than it has shown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;

use super::machine::{Machine, Pace};

const STEP: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct FloorMachine {
    pub name: &'static str,
    pace: Pace,
    file: PathBuf,
    machine: watch::Sender<Machine>,
}

/// Whether machines work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// They stand still, but answer and publish.
    Held,
    Working,
    /// What was made is told, then everything ends.
    Ending,
}

impl FloorMachine {
    /// Continues from its state file, or begins with a new machine.
    pub fn open(name: &'static str, pace: Pace, seed: u64, folder: &Path) -> anyhow::Result<FloorMachine> {
        let file = folder.join(format!("{name}.json"));
        let machine = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not the state of a simulated machine: remove it", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Machine::new(seed),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        Ok(FloorMachine { name, pace, file, machine: watch::Sender::new(machine) })
    }

    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Machine> {
        self.machine.subscribe()
    }

    #[must_use]
    pub fn now(&self) -> Machine {
        self.machine.borrow().clone()
    }

    /// Lives until the plant ends.
    pub async fn live(&self, phase: watch::Receiver<Phase>) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(STEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let elapsed_ms = u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX);
        loop {
            tick.tick().await;
            match *phase.borrow() {
                Phase::Ending => return Ok(()),
                Phase::Held => continue,
                Phase::Working => {}
            }
            self.change(|machine| machine.step(&self.pace, elapsed_ms))?;
        }
    }

    /// A message that told of `pieces` was acknowledged.
    pub fn told(&self, pieces: u64) -> anyhow::Result<()> {
        self.change(|machine| machine.told += pieces)
    }

    /// Saves, then shows. Both callers run on one thread at a time per machine's lock.
    fn change(&self, change: impl FnOnce(&mut Machine)) -> anyhow::Result<()> {
        let mut saved = Ok(());
        self.machine.send_modify(|machine| {
            let mut next = machine.clone();
            change(&mut next);
            saved = save(&self.file, &next);
            if saved.is_ok() {
                *machine = next;
            }
        });
        saved.with_context(|| format!("cannot save {}", self.file.display()))
    }
}

fn save(file: &Path, machine: &Machine) -> anyhow::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, serde_json::to_vec(machine)?)?;
    std::fs::rename(&new, file)?;
    Ok(())
}
