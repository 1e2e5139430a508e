//! `[[machine]]`: what the signals of a machine mean. Where they come from is said by the sources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use process::configuration::{KeyPath, Problems};
use protocol::event::{MachineState, PieceQuality};
use protocol::id::Name;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::packml::PackmlNumbers;

/// Longest pause or delay that can be configured: a day.
pub(crate) const DELAY_MS_MAX: u64 = 86_400_000;
/// Faster than any machine that makes pieces, slow enough to unmask a torn 32-bit read at usual polling intervals.
const PLAUSIBLE_PER_SECOND_MAX_DEFAULT: i64 = 10_000;
const RESET_BELOW_DEFAULT: i64 = 1_000;
/// Keeps every product of a rate, a scale and a duration within 64 bits.
const COUNT_MAX: i64 = 1_000_000_000_000;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSection {
    pub name: Name,
    /// A stop shorter than this is a microstop. The usual limit of a "minor stop" is five minutes.
    #[serde(default = "default_microstop_below_ms")]
    pub microstop_below_ms: u64,
    /// A stop begins when no piece was counted for so long while the machine claims to run. Absent: never.
    pub missing_counts_stop_after_ms: Option<u64>,
    /// The counter whose pieces are missed. Absent: any counter or delta of this machine.
    pub missing_counts_signal: Option<Name>,
    /// The state becomes `no_data` when nothing was read for so long. Absent: never, but for machines that are polled
    /// ([`crate::configuration::Configuration::effective_machines`]).
    pub no_data_after_ms: Option<u64>,
    /// States that are stops.
    #[serde(default = "default_stop_states")]
    pub stop_states: Vec<MachineState>,
    /// `[machine.signal.NAME]`. Shared by all who hold a copy of the section.
    #[serde(default, rename = "signal", deserialize_with = "shared")]
    pub signals: Arc<BTreeMap<Name, SignalSection>>,
}

fn default_microstop_below_ms() -> u64 {
    300_000
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<BTreeMap<Name, SignalSection>>, D::Error> {
    BTreeMap::deserialize(deserializer).map(Arc::new)
}

fn default_stop_states() -> Vec<MachineState> {
    vec![MachineState::Stopped]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A running total of pieces.
    Counter,
    /// The pieces since the reading before.
    Delta,
    /// What the machine is doing.
    State,
    /// A process value.
    Measurement,
    /// True, not zero, or a text while something is wrong.
    Alarm,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Counter => "counter",
            Role::Delta => "delta",
            Role::State => "state",
            Role::Measurement => "measurement",
            Role::Alarm => "alarm",
        }
    }
}

/// One signal. Flat, so that every wrong key is told with its line; which keys belong to which role is checked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSection {
    pub role: Role,

    /// Counter, delta: which pieces these are. Default `good`.
    pub counts: Option<PieceQuality>,
    /// Counter, delta: pieces that one count stands for. Default 1.
    pub pieces_per_count: Option<i64>,
    /// Counter: the value at which it wraps to 0, such as 65536, 32768 or 10000000. Absent: never.
    pub rollover: Option<i64>,
    /// Counter: counts in a second beyond which a jump is no production. Default 10000.
    pub plausible_per_second_max: Option<i64>,
    /// Counter: after a reset it shows at most this. Default 1000.
    pub reset_below: Option<i64>,

    /// State: what the source says → a state, or `{ state = "…", reason = "…" }`.
    pub map: Option<BTreeMap<String, MappedState>>,
    /// State: the source says PackML numbers. `true` or `"tr88"` for ISA-TR88, `"opc-30060"` for those of OPC 30060.
    pub packml: Option<PackmlNumbers>,
    /// State: for codes that are not mapped. Default `no_data`.
    pub default: Option<MachineState>,
    /// State: a state counts once it has lasted so long; it then began when it was first read. Default 0.
    pub debounce_ms: Option<u64>,

    /// Measurement: as a person writes it, such as `°C`.
    pub unit: Option<String>,
    /// Measurement: changes up to this size are no events. Default 0.
    pub deadband: Option<f64>,
    /// Measurement: at most one event in this time. Default 0.
    pub interval_min_ms: Option<u64>,

    /// Alarm: a word that rules can match. Default `machine_alarm`.
    pub code: Option<String>,
    /// Alarm: what to tell people. Default the signal's name.
    pub text: Option<String>,
}

impl SignalSection {
    /// A signal with every key at its default.
    #[must_use]
    pub fn of(role: Role) -> SignalSection {
        SignalSection {
            role,
            counts: None,
            pieces_per_count: None,
            rollover: None,
            plausible_per_second_max: None,
            reset_below: None,
            map: None,
            packml: None,
            default: None,
            debounce_ms: None,
            unit: None,
            deadband: None,
            interval_min_ms: None,
            code: None,
            text: None,
        }
    }

    pub(super) fn counter_rule(&self) -> super::counter::CounterRule {
        super::counter::CounterRule {
            rollover: self.rollover,
            per_second_max: self.plausible_per_second_max.unwrap_or(PLAUSIBLE_PER_SECOND_MAX_DEFAULT),
            reset_below: self.reset_below.unwrap_or(RESET_BELOW_DEFAULT),
        }
    }
}

/// A state, with the reason that the code itself gives away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedState {
    pub state: MachineState,
    pub reason: Option<String>,
}

impl<'de> Deserialize<'de> for MappedState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MappedState, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct WithReason {
            state: MachineState,
            reason: Option<String>,
        }

        struct StateOrTable;

        impl<'de> Visitor<'de> for StateOrTable {
            type Value = MappedState;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a state such as \"running\", or { state = \"stopped\", reason = \"jam\" }")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<MappedState, E> {
                MachineState::deserialize(StrDeserializer::new(word)).map(|state| MappedState { state, reason: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MappedState, A::Error> {
                let WithReason { state, reason } = WithReason::deserialize(MapAccessDeserializer::new(map))?;
                Ok(MappedState { state, reason })
            }
        }

        deserializer.deserialize_any(StateOrTable)
    }
}

impl MachineSection {
    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        for (key, value) in [
            ("microstop_below_ms", Some(self.microstop_below_ms)),
            ("missing_counts_stop_after_ms", self.missing_counts_stop_after_ms),
            ("no_data_after_ms", self.no_data_after_ms),
        ] {
            if let Some(value) = value.filter(|value| *value > DELAY_MS_MAX) {
                problems.add(at.key(key), format!("{value} is more than a day: expected at most {DELAY_MS_MAX}"));
            }
        }
        for (key, value) in [
            ("missing_counts_stop_after_ms", self.missing_counts_stop_after_ms),
            ("no_data_after_ms", self.no_data_after_ms),
        ] {
            if value == Some(0) {
                problems.add(at.key(key), "0 would fire at once: expected at least 1, or leave it out for never");
            }
        }
        for state in [MachineState::Running, MachineState::NoData] {
            if self.stop_states.contains(&state) {
                problems.add(at.key("stop_states"), format!("{:?} is not a stop", state.as_str()));
            }
        }
        self.check_missing_counts(at, problems);
        let mut states = self.signals.iter().filter(|(_, signal)| signal.role == Role::State);
        if let (Some((first, _)), Some((second, _))) = (states.next(), states.next()) {
            let text = format!("a machine has one state, and signal {first} gives it already");
            problems.add(at.key("signal").key(second), text);
        }
        for (name, signal) in self.signals.iter() {
            signal.check(&at.key("signal").key(name), problems);
        }
    }

    fn check_missing_counts(&self, at: &KeyPath, problems: &mut Problems) {
        let counts = |signal: &SignalSection| matches!(signal.role, Role::Counter | Role::Delta);
        if let Some(name) = &self.missing_counts_signal {
            let at = at.key("missing_counts_signal");
            match self.signals.get(name) {
                None => problems.add(at, format!("this machine has no signal {:?}", name.as_str())),
                Some(signal) if !counts(signal) => {
                    problems.add(at, format!("signal {name} counts nothing: expected a counter or a delta"));
                }
                Some(_) if self.missing_counts_stop_after_ms.is_none() => {
                    problems.add(at, "has no effect without missing_counts_stop_after_ms");
                }
                Some(_) => {}
            }
        } else if self.missing_counts_stop_after_ms.is_some() && !self.signals.values().any(counts) {
            let text = "this machine has no counter and no delta whose pieces could be missed";
            problems.add(at.key("missing_counts_stop_after_ms"), text);
        }
    }
}

impl SignalSection {
    fn check(&self, at: &KeyPath, problems: &mut Problems) {
        self.check_keys_of_role(at, problems);
        for (key, value, min) in [
            ("pieces_per_count", self.pieces_per_count, 1),
            ("rollover", self.rollover, 2),
            ("plausible_per_second_max", self.plausible_per_second_max, 1),
            ("reset_below", self.reset_below, 0),
        ] {
            if let Some(value) = value.filter(|value| !(min..=COUNT_MAX).contains(value)) {
                problems.add(at.key(key), format!("{value} is out of range: expected {min} to {COUNT_MAX}"));
            }
        }
        if let (Some(rollover), Some(reset_below)) = (self.rollover, self.reset_below)
            && reset_below > rollover / 2
        {
            let text = format!(
                "{reset_below} is more than half of rollover = {rollover}: a reset could not be told from a rollover"
            );
            problems.add(at.key("reset_below"), text);
        }
        for (key, value) in [("debounce_ms", self.debounce_ms), ("interval_min_ms", self.interval_min_ms)] {
            if let Some(value) = value.filter(|value| *value > DELAY_MS_MAX) {
                problems.add(at.key(key), format!("{value} is more than a day: expected at most {DELAY_MS_MAX}"));
            }
        }
        if let Some(deadband) = self.deadband.filter(|deadband| !(deadband.is_finite() && *deadband >= 0.0)) {
            problems.add(at.key("deadband"), format!("{deadband} is no size: expected 0 or more"));
        }
        if self.role == Role::State {
            match (&self.map, self.packml) {
                (None, None) => problems.add(at.clone(), "expected `map` or `packml`, to know what the codes mean"),
                (Some(map), None) if map.is_empty() => problems.add(at.key("map"), "is empty: no code means anything"),
                _ => {}
            }
        }
    }

    fn check_keys_of_role(&self, at: &KeyPath, problems: &mut Problems) {
        use Role::{Alarm, Counter, Delta, Measurement, State};
        let keys: [(&str, bool, &[Role]); 14] = [
            ("counts", self.counts.is_some(), &[Counter, Delta]),
            ("pieces_per_count", self.pieces_per_count.is_some(), &[Counter, Delta]),
            ("rollover", self.rollover.is_some(), &[Counter]),
            ("plausible_per_second_max", self.plausible_per_second_max.is_some(), &[Counter]),
            ("reset_below", self.reset_below.is_some(), &[Counter]),
            ("map", self.map.is_some(), &[State]),
            ("packml", self.packml.is_some(), &[State]),
            ("default", self.default.is_some(), &[State]),
            ("debounce_ms", self.debounce_ms.is_some(), &[State]),
            ("unit", self.unit.is_some(), &[Measurement]),
            ("deadband", self.deadband.is_some(), &[Measurement]),
            ("interval_min_ms", self.interval_min_ms.is_some(), &[Measurement]),
            ("code", self.code.is_some(), &[Alarm]),
            ("text", self.text.is_some(), &[Alarm]),
        ];
        for (key, present, roles) in keys {
            if present && !roles.contains(&self.role) {
                let roles: Vec<_> = roles.iter().map(|role| format!("{:?}", role.as_str())).collect();
                let text =
                    format!("does not belong to role = {:?}, but to {}", self.role.as_str(), roles.join(" and "));
                problems.add(at.key(key), text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use process::configuration::{Checked, parse};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Machines {
        machine: Vec<MachineSection>,
    }

    impl Checked for Machines {
        fn check(&self, problems: &mut Problems) {
            for (index, machine) in self.machine.iter().enumerate() {
                machine.check(&KeyPath::root().key("machine").index(index), problems);
            }
        }
    }

    fn error(text: &str) -> String {
        parse::<Machines>(text, "m.toml").unwrap_err().to_string()
    }

    #[test]
    fn states_are_mapped_from_words_and_tables() {
        let machines: Machines = parse(
            "[[machine]]\nname = \"m\"\n[machine.signal.s]\nrole = \"state\"\n\
             map = { 1 = \"running\", jam = { state = \"stopped\", reason = \"jam\" } }\n",
            "m.toml",
        )
        .unwrap();
        let map = machines.machine[0].signals["s"].map.clone().unwrap();
        assert_eq!(map["1"], MappedState { state: MachineState::Running, reason: None });
        assert_eq!(map["jam"], MappedState { state: MachineState::Stopped, reason: Some("jam".into()) });
    }

    #[test]
    fn a_key_of_another_role_is_named_with_its_line() {
        assert_eq!(
            error("[[machine]]\nname = \"m\"\n[machine.signal.s]\nrole = \"delta\"\nrollover = 65536\n"),
            "m.toml:5:1: machine[0].signal.s.rollover: does not belong to role = \"delta\", but to \"counter\""
        );
    }

    #[test]
    fn a_misspelt_state_gets_a_suggestion() {
        let text = error("[[machine]]\nname = \"m\"\n[machine.signal.s]\nrole = \"state\"\nmap = { 1 = \"runing\" }\n");
        assert!(text.starts_with("m.toml:5:"), "{text}");
        assert!(text.ends_with("did you mean `running`?"), "{text}");
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        for (body, expected) in [
            ("no_data_after_ms = 0", "would fire at once"),
            ("stop_states = [\"running\"]", "is not a stop"),
            ("missing_counts_stop_after_ms = 5000", "no counter and no delta"),
            ("missing_counts_signal = \"x\"", "no signal \"x\""),
            ("[machine.signal.s]\nrole = \"state\"", "expected `map` or `packml`"),
            ("[machine.signal.c]\nrole = \"counter\"\nrollover = 1", "expected 2 to"),
            ("[machine.signal.c]\nrole = \"counter\"\nrollover = 100\nreset_below = 60", "more than half of rollover"),
            ("[machine.signal.c]\nrole = \"measurement\"\ndeadband = -1.0", "expected 0 or more"),
            (
                "[machine.signal.a]\nrole = \"state\"\npackml = true\n[machine.signal.b]\nrole = \"state\"\npackml = true",
                "a machine has one state",
            ),
        ] {
            let text = error(&format!("[[machine]]\nname = \"m\"\n{body}\n"));
            assert!(text.contains(expected), "{body}: {text}");
        }
    }
}
