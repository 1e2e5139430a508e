//! The agent's configuration file: one section per folder that it configures, each of which owns its types and checks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use process::configuration::{Checked, KeyPath, Problems, nearest};
use protocol::id::Name;
use protocol::master_data::MachineSettings;
use serde::Deserialize;

use crate::buffer::configuration::BufferSection;
use crate::signals::configuration::{DELAY_MS_MAX, MachineSection};
use crate::sources::modbus::configuration::ModbusSection;
use crate::sources::mqtt::configuration::MqttSection;
use crate::sources::scanner::configuration::ScannerSection;
use crate::station::configuration::StationSection;
use crate::status::RESERVED_NAMES;
use crate::status::configuration::StatusSection;
use crate::uplink::configuration::UplinkSection;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    #[serde(default)]
    pub agent: AgentSection,
    #[serde(default)]
    pub buffer: BufferSection,
    #[serde(default)]
    pub uplink: UplinkSection,
    #[serde(default)]
    pub status: StatusSection,
    #[serde(default)]
    pub station: StationSection,
    /// What the signals of each machine mean. Sources say where they come from.
    #[serde(default, rename = "machine")]
    pub machines: Vec<MachineSection>,
    #[serde(default)]
    pub modbus: Vec<ModbusSection>,
    #[serde(default)]
    pub mqtt: Vec<MqttSection>,
    #[serde(default)]
    pub scanner: Vec<ScannerSection>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSection {
    /// Where the agent keeps its key, its log and nothing else.
    pub data_dir: PathBuf,
    /// The station that operators' entries and scans belong to where nothing more precise is said.
    pub station: Name,
}

impl Default for AgentSection {
    fn default() -> AgentSection {
        #[expect(clippy::expect_used, reason = "a constant name")]
        let station = Name::new("station").expect("a name");
        AgentSection { data_dir: PathBuf::from("/var/lib/edge-agent"), station }
    }
}

/// A machine that is polled is heard every few seconds while it answers: silent for so long, nobody knows its state.
const POLLED_NO_DATA_AFTER_MS: u64 = 30_000;

impl Configuration {
    /// The machines as the signal engine takes them: where a section leaves `no_data_after_ms` out and the machine is
    /// polled, half a minute, or three of its intervals when they are longer; and what central maintains of a machine wins
    /// over its section.
    #[must_use]
    pub fn effective_machines(&self, maintained: &[MachineSettings]) -> Arc<[MachineSection]> {
        let mut fastest_ms: HashMap<&Name, u32> = HashMap::new();
        for (machine, interval_ms) in self.modbus.iter().flat_map(ModbusSection::polled) {
            fastest_ms.entry(machine).and_modify(|known| *known = interval_ms.min(*known)).or_insert(interval_ms);
        }
        let machines = self.machines.iter().cloned().map(|mut machine| {
            let polled = fastest_ms.get(&machine.name);
            let default = polled.map(|interval_ms| POLLED_NO_DATA_AFTER_MS.max(3 * u64::from(*interval_ms)));
            machine.no_data_after_ms = machine.no_data_after_ms.or(default);
            let maintained = maintained.iter().find(|settings| settings.name == machine.name);
            if let Some(microstop_below_ms) = maintained.and_then(|settings| settings.microstop_below_ms) {
                machine.microstop_below_ms = microstop_below_ms.min(DELAY_MS_MAX);
            }
            machine
        });
        machines.collect()
    }
}

/// A source's claim to feed a signal of a machine.
#[derive(Debug, Clone)]
pub struct SignalReference<'c> {
    pub at: KeyPath,
    pub machine: &'c Name,
    pub signal: &'c Name,
}

impl Checked for Configuration {
    fn check(&self, problems: &mut Problems) {
        let root = KeyPath::root();
        let mut signals: HashMap<&str, Vec<&str>> = HashMap::new();
        for (index, machine) in self.machines.iter().enumerate() {
            let at = root.key("machine").index(index);
            machine.check(&at, problems);
            let names = machine.signals.keys().map(Name::as_str).collect();
            if signals.insert(&machine.name, names).is_some() {
                problems.add(at.key("name"), format!("there is another machine called {:?} above", &*machine.name));
            }
        }
        self.buffer.check(&root.key("buffer"), problems);
        self.uplink.check(&root.key("uplink"), problems);
        self.status.check(&root.key("status"), problems);
        self.station.check(&root.key("station"), problems);
        for (index, machine) in self.station.machines.iter().enumerate() {
            if !signals.contains_key(machine.as_str()) {
                let at = root.key("station").key("machines").index(index);
                problems.add(at, unknown_machine(machine, signals.keys().copied()));
            }
        }

        let mut names: HashMap<&str, KeyPath> = HashMap::new();
        let mut references: Vec<SignalReference<'_>> = Vec::new();
        for (index, section) in self.modbus.iter().enumerate() {
            let at = root.key("modbus").index(index);
            check_source_name(&section.name, &at, &mut names, problems);
            section.check(&at, problems);
            references.extend(section.signals(&at));
            for (at, machine) in section.shown(&at) {
                if !signals.contains_key(machine.as_str()) {
                    problems.add(at, unknown_machine(machine, signals.keys().copied()));
                }
            }
        }
        for (index, section) in self.mqtt.iter().enumerate() {
            let at = root.key("mqtt").index(index);
            check_source_name(&section.name, &at, &mut names, problems);
            section.check(&at, problems);
            references.extend(section.signals(&at));
        }
        for (index, section) in self.scanner.iter().enumerate() {
            let at = root.key("scanner").index(index);
            check_source_name(&section.name, &at, &mut names, problems);
            section.check(&at, problems);
            if let Some(machine) = &section.machine
                && !signals.contains_key(machine.as_str())
            {
                problems.add(at.key("machine"), unknown_machine(machine, signals.keys().copied()));
            }
        }
        for reference in references {
            check_reference(&reference, &signals, problems);
        }
    }
}

fn check_source_name<'c>(name: &'c Name, at: &KeyPath, names: &mut HashMap<&'c str, KeyPath>, problems: &mut Problems) {
    if RESERVED_NAMES.contains(&name.as_str()) {
        problems.add(at.key("name"), format!("{:?} is the name of a part of the agent: choose another", &**name));
    }
    match names.get(name.as_str()) {
        Some(other) => {
            let text = format!("{name:?} is also the name of {other}: every source needs a name of its own");
            problems.add(at.key("name"), text);
        }
        None => {
            names.insert(name, at.clone());
        }
    }
}

fn check_reference(reference: &SignalReference<'_>, signals: &HashMap<&str, Vec<&str>>, problems: &mut Problems) {
    let (machine, signal) = (reference.machine.as_str(), reference.signal.as_str());
    let Some(known) = signals.get(machine) else {
        problems.add(reference.at.clone(), unknown_machine(machine, signals.keys().copied()));
        return;
    };
    if !known.contains(&signal) {
        let near = nearest(signal, known.iter().copied());
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        problems.add(reference.at.clone(), format!("machine {machine:?} has no signal {signal:?}{hint}"));
    }
}

fn unknown_machine<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> String {
    let hint = nearest(found, known).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    format!("no [[machine]] is called {found:?}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_shows_an_unknown_machine_is_told() {
        let text = "
            machine = [{ name = 'press' }]
            [[modbus]]
            name = 'lamps'
            transport = 'tcp'
            address = '127.0.0.1:502'
            [[modbus.device]]
            name = 'lamp'
            write = [{ machine = 'pres', kind = 'coil', address = 0, states = ['stopped'] }]";
        let error = process::configuration::parse::<Configuration>(text, "agent.toml").unwrap_err().to_string();
        let expected =
            "modbus[0].device[0].write[0].machine: no [[machine]] is called \"pres\"; did you mean \"press\"?";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_polled_machine_that_falls_silent_is_no_data_unless_its_section_says_otherwise() {
        let text = "
            machine = [{ name = 'fast' }, { name = 'slow' }, { name = 'own', no_data_after_ms = 5 }, { name = 'told' }]
            [[modbus]]
            name = 'line'
            transport = 'tcp'
            address = '127.0.0.1:502'
            [[modbus.device]]
            name = 'plc'
            unit = 1
            kind = 'holding'
            register = [
                { machine = 'fast', signal = 'a', address = 0, type = 'u16' },
                { machine = 'slow', signal = 'a', address = 1, type = 'u16', interval_ms = 60000 },
                { machine = 'own', signal = 'a', address = 2, type = 'u16' },
            ]";
        let configuration: Configuration = toml::from_str(text).unwrap();
        let after: Vec<Option<u64>> =
            configuration.effective_machines(&[]).iter().map(|machine| machine.no_data_after_ms).collect();
        assert_eq!(after, [Some(30_000), Some(180_000), Some(5), None]);
    }

    #[test]
    fn what_central_says_of_microstops_wins_over_the_file() {
        let text =
            "machine = [{ name = 'told', microstop_below_ms = 1000 }, { name = 'own', microstop_below_ms = 2000 }]";
        let configuration: Configuration = toml::from_str(text).unwrap();
        let settings = |name: &str, microstop_below_ms| MachineSettings {
            name: Name::new(name).unwrap(),
            title: String::new(),
            microstop_below_ms,
        };
        let maintained = [settings("told", Some(60_000)), settings("own", None), settings("elsewhere", Some(5))];
        let below: Vec<u64> =
            configuration.effective_machines(&maintained).iter().map(|machine| machine.microstop_below_ms).collect();
        assert_eq!(below, [60_000, 2_000]);
    }
}
