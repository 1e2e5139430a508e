//! What a divergence and a decision are in words, and how a process is named: the same on the command line and in the API.

use protocol::id::Instance;
use protocol::reply::DivergenceReason;

use super::{Divergence, Resolved};

/// What was decided, and what a person should do and know after it.
#[must_use]
pub fn resolved_text(of: &Divergence, accepted: Instance, resolved: Resolved) -> String {
    let mut text = format!(
        "{}/{} goes on with {} in epoch {}, after event {}, when it asks next (within a minute).",
        of.plant_name,
        of.agent_name,
        spell_instance(accepted),
        resolved.epoch.0,
        resolved.after
    );
    if let Some((first, last)) = resolved.lost {
        text.push_str(&format!(
            " Events {first} to {last}, {} of them, are not in the backup that central was restored from: they are \
             recorded as a gap.",
            last.0 - first.0 + 1
        ));
    }
    if of.instances.iter().any(|it| it.instance != accepted) {
        text.push_str(
            " Every other process stays refused: stop it, and enrol its computer anew if it is to stay. If the accepted \
             one is started again before it has asked, resolve again and accept the one that shows then.",
        );
    }
    text
}

/// What a person should do, and know before.
#[must_use]
pub fn advice(reason: DivergenceReason) -> &'static str {
    match reason {
        DivergenceReason::ClaimedByAgent => {
            "Accept the one that was seen last: it goes on with everything that it still holds. What central no longer has \
             and the agent has forgotten is recorded as a gap. If a newer backup of central's database exists, restore \
             that one before you accept. After a restore every agent may be in this state; one command accepts them all: \
             central agent resolve --central-restored"
        }
        DivergenceReason::Rewound => {
            "An agent's log went back to an older copy: a restored disk, image or snapshot. Its counters stand where they \
             stood in that copy, so pieces that central has already would be counted a second time if it is accepted as \
             it is. Better: on its computer stop edge-agent, move agent.db, agent.db-wal and agent.db-shm away, start \
             edge-agent, wait a minute, show this again, and accept the process that shows last; its counters begin \
             with a baseline. See \"A PC restored from an old image\" in docs/operations.md. The others stay refused, and \
             their first refused batches are kept here."
        }
        DivergenceReason::Content | DivergenceReason::Copied => {
            "Accept the one that watches the machines from here on: its events that are not committed yet become facts \
             too. The others stay refused; what they captured since the fork stays in their own files (`edge-agent \
             buffer export`), and their first refused batches are kept here. If the one that is to go on runs from an \
             older copy of the log, pieces that central has already would be counted a second time: move its agent.db \
             away first, see \"Two histories\" in docs/operations.md."
        }
    }
}

/// A process, as people see and type it.
#[must_use]
pub fn spell_instance(instance: Instance) -> String {
    instance.to_string()
}

/// From what [`spell_instance`] wrote.
pub fn instance(text: &str) -> Result<Instance, String> {
    let parse = || {
        let (starts, id) = text.split_once('/')?;
        Some(Instance { starts: starts.parse().ok()?, id: u64::from_str_radix(id, 16).ok()? })
    };
    parse().ok_or_else(|| {
        format!("{text:?} is no process as `central agent resolve` shows it, such as 3/00c0ffee00c0ffee")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_typed_as_it_is_shown() {
        let shown = Instance { starts: 3, id: 0xc0ffee };
        assert_eq!(instance(&spell_instance(shown)), Ok(shown));
        for wrong in ["", "3", "3/", "x/1", "3/xyz", "3/1/1"] {
            assert!(instance(wrong).is_err(), "{wrong}");
        }
    }
}
