//! When the configuration is read again, and what becomes of it.
//!
//! A wrong one changes nothing: the agent goes on with the one it has, and its status says what is wrong with the new one.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use process::configuration;
use protocol::batch::Health;
use tokio::sync::watch;

use crate::configuration::Configuration;
use crate::status::Subject;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

pub(super) struct Reloading {
    file: PathBuf,
    seen: Option<Stamp>,
    status: Subject,
}

/// Enough to notice that a file was written or replaced.
type Stamp = (SystemTime, u64);

impl Reloading {
    /// The file was just read.
    pub(super) fn new(file: PathBuf, status: Subject) -> Reloading {
        status.set(Health::Good, "");
        let seen = std::fs::metadata(&file).ok().and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        Reloading { file, seen, status }
    }

    /// The next right configuration. `started_with` is the one whose fixed sections hold until the end of the process.
    pub(super) async fn next(
        &mut self,
        asked: &mut watch::Receiver<u64>,
        started_with: &Configuration,
    ) -> Configuration {
        loop {
            tokio::select! {
                changed = asked.changed() => if changed.is_err() { return std::future::pending().await },
                () = tokio::time::sleep(LOOK) => {
                    let stamp = stamp(&self.file).await;
                    if stamp == self.seen || stamp.is_none() {
                        continue;
                    }
                    self.seen = stamp;
                }
            }
            match configuration::read::<Configuration>(&self.file) {
                Ok(configuration) => {
                    self.accept(started_with, &configuration);
                    return configuration;
                }
                Err(error) => {
                    let reason = format!("the file is wrong, the agent goes on with what it has: {error}");
                    self.status.set(Health::Degraded, reason);
                }
            }
        }
    }

    fn accept(&self, started_with: &Configuration, configuration: &Configuration) {
        let waiting = fixed_sections(started_with, configuration);
        if waiting.is_empty() {
            self.status.set(Health::Good, "");
        } else {
            let reason = format!("changes in {} take effect at the next start", waiting.join(", "));
            self.status.set(Health::Degraded, reason);
        }
        tracing::info!(file = %self.file.display(), "configuration read again");
    }
}

async fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(file).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Sections that differ and cannot change in a running agent.
fn fixed_sections(old: &Configuration, new: &Configuration) -> Vec<&'static str> {
    let same = [
        ("[agent]", old.agent == new.agent),
        ("[buffer]", old.buffer == new.buffer),
        ("[uplink]", old.uplink == new.uplink),
        ("[status]", old.status == new.status),
        ("[station]", old.station == new.station),
    ];
    same.iter().filter(|(_, same)| !same).map(|(section, _)| *section).collect()
}
