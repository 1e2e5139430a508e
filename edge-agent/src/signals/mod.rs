//! What readings mean: counts, states, stops, measurements, alarms. Pure: readings and time in, events and state out.
//!
//! An [`Engine`] is owned by one task. What it must remember across a restart is handed out as bytes by
//! [`Engine::take_changed`] and committed in one transaction with the events that led there; a new engine made from those
//! bytes goes on as if nothing had happened. Pieces that were made while the agent was away are in the totals that the
//! machines show, and are counted at the next reading.
//!
//! Durations come from the monotonic clock, from the source's own time where it gives one, and from the wall clock only
//! across boots of the computer: setting the wall clock changes no count and no duration.

use std::collections::HashMap;

use process::clock::Moment;
use protocol::event::EventKind;
use protocol::id::Name;
use protocol::time::{ClockQuality, UtcMicros};

use crate::buffer::PendingEvent;
use crate::reading::Reading;

pub mod configuration;
mod counter;
mod live;
mod machine;
pub mod packml;
mod recent_stops;
mod stamp;
mod state;
mod stops;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use configuration::MachineSection;
pub use live::{Live, LiveView};
use machine::Machine;
pub use recent_stops::{RECENT_STOPS_MAX, RecentStop};
use stamp::Stamp;

/// Unknown signals that are told by name; more are only counted.
const UNKNOWN_NAMED_MAX: usize = 100;

/// All machines of a configuration.
#[derive(Debug)]
pub struct Engine {
    machines: Vec<Machine>,
    index: HashMap<Name, usize>,
    tally: Tally,
    unknown: HashMap<(Name, Name), u64>,
}

/// Readings that led to nothing, and why, since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of a machine or signal that is not configured.
    pub unknown_signals: u64,
    /// State codes that no map explains.
    pub unknown_codes: u64,
    /// Not a number where one is needed, or one that cannot be.
    pub unusable: u64,
    /// Implausible, and held back until the next one.
    pub held: u64,
    /// Recorded before what is known already.
    pub outdated: u64,
}

/// The best estimate of a moment's time, and how sure it is: see [`crate::clock::ClockTrust::judge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    pub at: UtcMicros,
    pub clock: ClockQuality,
}

/// Whether a reading's machine and signal are configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Known,
    UnknownMachine,
    UnknownSignal,
}

/// Stored state of a machine that cannot be read: it begins anew, with the next reading as its base.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stored state of machine {machine} cannot be read; its counters begin anew from their next reading: {source}"
)]
pub struct UnreadableState {
    pub machine: Name,
    pub source: serde_json::Error,
}

/// The key under which a machine's state is stored.
#[must_use]
pub fn state_key(machine: &Name) -> String {
    format!("machine/{machine}")
}

impl Engine {
    /// An engine that goes on from `states`, as [`Engine::take_changed`] gave them.
    #[must_use]
    pub fn new(
        sections: &[MachineSection],
        states: &HashMap<String, Vec<u8>>,
        now: Moment,
    ) -> (Engine, Vec<UnreadableState>) {
        let started = Stamp::now(now, Judged { at: now.wall, clock: ClockQuality::Unverified });
        let mut unreadable = Vec::new();
        let machines: Vec<Machine> = sections
            .iter()
            .map(|section| {
                let (machine, error) = Machine::new(section, states, started);
                unreadable.extend(error.map(|source| UnreadableState { machine: section.name.clone(), source }));
                machine
            })
            .collect();
        let index = machines.iter().enumerate().map(|(at, machine)| (machine.name().clone(), at)).collect();
        (Engine { machines, index, tally: Tally::default(), unknown: HashMap::new() }, unreadable)
    }

    /// Appends what a reading leads to. `judged` is the agent's time of the reading, for events whose source gave none.
    pub fn apply(&mut self, reading: &Reading, judged: Judged, out: &mut Vec<PendingEvent>) -> Applied {
        let applied = match self.index.get(&reading.machine) {
            Some(&at) => self.machines[at].apply(reading, judged, &mut self.tally, out),
            None => Applied::UnknownMachine,
        };
        if applied != Applied::Known {
            self.tally.unknown_signals += 1;
            let key = (reading.machine.clone(), reading.signal.clone());
            if self.unknown.len() < UNKNOWN_NAMED_MAX || self.unknown.contains_key(&key) {
                *self.unknown.entry(key).or_default() += 1;
            }
        }
        applied
    }

    /// Takes note of what was entered about a machine: pieces, and what people say of its stops. The part of a stop that
    /// is split off is given its number here.
    pub fn entered(&mut self, machine: &Name, at: UtcMicros, kind: &mut EventKind) {
        if let Some(&index) = self.index.get(machine) {
            self.machines[index].entered(at, kind);
        }
    }

    /// Appends what the mere passing of time leads to: debounced states, missing counts, silence.
    pub fn tick(&mut self, now: Moment, judged: Judged, out: &mut Vec<PendingEvent>) {
        let now = Stamp::now(now, judged);
        for machine in &mut self.machines {
            machine.tick(now, out);
        }
    }

    /// State that changed since it was last taken, by key: to be committed with the events since then.
    pub fn take_changed(&mut self) -> Vec<(String, Vec<u8>)> {
        let mut changed = Vec::new();
        for machine in &mut self.machines {
            machine.take_changed(&mut changed);
        }
        changed
    }

    /// Goes on with another configuration. Machines whose section did not change are not touched; `stored` keeps the state
    /// of those that are gone, for when they come back. Take what changed before.
    pub fn reconfigure(
        &mut self,
        sections: &[MachineSection],
        stored: &mut HashMap<String, Vec<u8>>,
        now: Moment,
    ) -> Vec<UnreadableState> {
        let mut before: HashMap<Name, Machine> =
            self.machines.drain(..).map(|machine| (machine.name().clone(), machine)).collect();
        let kept: Vec<Option<Machine>> = sections
            .iter()
            .map(|section| {
                before.remove_entry(&section.name).and_then(|(name, machine)| {
                    if machine.section() == section {
                        Some(machine)
                    } else {
                        before.insert(name, machine);
                        None
                    }
                })
            })
            .collect();
        stored.extend(before.into_values().flat_map(|mut machine| machine.store_all()));
        let (anew, unreadable) = Engine::new(sections, stored, now);
        self.index = anew.index;
        self.machines = anew.machines.into_iter().zip(kept).map(|(new, kept)| kept.unwrap_or(new)).collect();
        self.unknown.clear();
        unreadable
    }

    /// Every machine, in the order of the configuration.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        self.machines.iter().map(Machine::live).collect()
    }

    /// Brings a live view up to date, touching only machines that changed.
    pub fn refresh(&mut self, view: &LiveView) {
        let machines = &mut self.machines;
        view.update(|live| {
            live.truncate(machines.len());
            for (at, machine) in machines.iter_mut().enumerate() {
                let touched = machine.take_touched();
                match live.get_mut(at) {
                    Some(live) if touched || live.machine != *machine.name() => *live = machine.live(),
                    Some(_) => {}
                    None => live.push(machine.live()),
                }
            }
        });
    }

    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Machines and signals that were read but are not configured, with how often.
    #[must_use]
    pub fn unknown(&self) -> &HashMap<(Name, Name), u64> {
        &self.unknown
    }
}
