//! When the configuration is read again, and what becomes of it.
//!
//! A wrong one changes nothing: the agent goes on with the one it has, and its status says what is wrong with the new one.
//! The file is told by its stamp, which is taken before it is read: what is written meanwhile makes it another one.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use process::configuration::{self, ConfigurationError};
use protocol::batch::Health;
use tokio::sync::watch;

use crate::configuration::Configuration;
use crate::status::Subject;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

pub(super) struct Reloading {
    file: PathBuf,
    looks: Looks,
    status: Subject,
}

/// When a file that is looked at again and again is to be read.
#[derive(Debug)]
struct Looks {
    /// As it was just before it was read.
    read: Option<Stamp>,
    /// As it was at the last look.
    seen: Option<Stamp>,
}

/// Enough to notice that a file was written or replaced.
type Stamp = (SystemTime, u64);

impl Reloading {
    /// Reads the file as the process starts. A wrong one is an error here.
    pub(super) fn start(file: PathBuf, status: Subject) -> Result<(Reloading, Configuration), ConfigurationError> {
        let looks = Looks::reads(stamp(&file));
        let configuration = configuration::read(&file)?;
        status.set(Health::Good, "");
        Ok((Reloading { file, looks, status }, configuration))
    }

    /// The next right configuration. `started_with` is the one whose fixed sections hold until the end of the process.
    pub(super) async fn next(
        &mut self,
        asked: &mut watch::Receiver<u64>,
        started_with: &Configuration,
    ) -> Configuration {
        loop {
            tokio::select! {
                changed = asked.changed() => match changed {
                    Ok(()) => self.looks = Looks::reads(stamp(&self.file)),
                    Err(_) => return std::future::pending().await,
                },
                () = tokio::time::sleep(LOOK) => {
                    if !self.looks.look(stamp(&self.file)) {
                        continue;
                    }
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

impl Looks {
    /// The file is read, whatever it looks like.
    fn reads(stamp: Option<Stamp>) -> Looks {
        Looks { read: stamp, seen: stamp }
    }

    /// Half of a file may be a right configuration: it is read once nobody has written to it from one look to the next.
    fn look(&mut self, stamp: Option<Stamp>) -> bool {
        let is_settled = self.seen == stamp;
        self.seen = stamp;
        let reads = is_settled && stamp.is_some() && stamp != self.read;
        if reads {
            self.read = stamp;
        }
        reads
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
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

#[cfg(test)]
mod tests {
    use process::clock::SystemClock;

    use super::*;
    use crate::status::StatusBoard;

    const SOON: Duration = Duration::from_secs(20);

    fn machines(names: &[&str]) -> String {
        names.iter().map(|name| format!("[[machine]]\nname = \"{name}\"\n")).collect()
    }

    fn start(file: &Path) -> (Reloading, Configuration) {
        let board = StatusBoard::new(std::sync::Arc::new(SystemClock::new(0)));
        Reloading::start(file.to_owned(), board.subject("configuration", "configuration")).unwrap()
    }

    #[tokio::test]
    async fn what_changed_while_the_agent_started_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edge-agent.toml");
        std::fs::write(&file, machines(&["press-1"])).unwrap();
        let (mut reloading, started_with) = start(&file);
        std::fs::write(&file, machines(&["press-1", "press-2"])).unwrap();
        let (_ask, mut asked) = watch::channel(0);
        let next = tokio::time::timeout(SOON, reloading.next(&mut asked, &started_with)).await;
        assert_eq!(next.expect("it is read").machines.len(), 2);
    }

    #[test]
    fn a_file_that_is_being_written_is_read_once_when_it_is_whole() {
        let at = |second, bytes| Some((SystemTime::UNIX_EPOCH + Duration::from_secs(second), bytes));
        // As the agent started, nobody wrote to it.
        let mut looks = Looks::reads(at(1, 900));
        for (stamp, reads) in [
            (at(1, 900), false),
            (at(1, 900), false),
            // An editor empties it and writes it piece by piece, another one replaces it.
            (at(5, 0), false),
            (at(5, 400), false),
            (None, false),
            (at(6, 950), false),
            (at(6, 950), true),
            (at(6, 950), false),
        ] {
            assert_eq!(looks.look(stamp), reads, "{stamp:?}");
        }
        // Asked for while half of it is there.
        let mut looks = Looks::reads(at(7, 400));
        for (stamp, reads) in [(at(8, 990), false), (at(8, 990), true), (at(8, 990), false)] {
            assert_eq!(looks.look(stamp), reads, "{stamp:?}");
        }
    }
}
