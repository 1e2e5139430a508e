//! What a source says of a machine's state, turned into the product's words, and debounced.

use std::collections::BTreeMap;

use protocol::event::{MachineState, StateChange};
use serde::{Deserialize, Serialize};

use super::configuration::{MappedState, SignalSection};
use super::packml::PackmlNumbers;
use super::stamp::Stamp;
use crate::reading::Value;

/// A source's own word for a state is kept up to this length.
const SOURCE_CODE_CHARS_MAX: usize = 128;

#[derive(Debug, Clone)]
pub(super) struct StateRule {
    map: BTreeMap<String, MappedState>,
    packml: Option<PackmlNumbers>,
    unknown: MachineState,
    pub(super) debounce_us: u64,
}

/// A state, and what it was concluded from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownState {
    pub(super) state: MachineState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) since: Stamp,
}

impl KnownState {
    #[must_use]
    pub(super) fn inferred(state: MachineState, since: Stamp) -> KnownState {
        KnownState { state, source_code: None, reason: None, since }
    }

    #[must_use]
    pub(super) fn says_the_same_as(&self, other: &KnownState) -> bool {
        self.state == other.state && self.reason == other.reason && self.source_code == other.source_code
    }

    #[must_use]
    pub(super) fn change(&self) -> StateChange {
        StateChange { state: self.state, source_code: self.source_code.clone(), reason: self.reason.clone() }
    }
}

impl StateRule {
    #[must_use]
    pub(super) fn of(section: &SignalSection) -> StateRule {
        StateRule {
            map: section.map.clone().unwrap_or_default(),
            packml: section.packml,
            unknown: section.default.unwrap_or(MachineState::NoData),
            debounce_us: section.debounce_ms.unwrap_or(0) * 1_000,
        }
    }

    /// What a value means; the second value says whether its code is a known one. The map goes before PackML's table, so
    /// that it can correct single numbers.
    #[must_use]
    pub(super) fn meaning(&self, value: &Value, since: Stamp) -> (KnownState, bool) {
        let code = source_code(value);
        let mapped = self.map.get(&code).or_else(|| match value {
            // Bits and coils are written as 0 and 1 as often as false and true.
            Value::Bool(on) => self.map.get(if *on { "1" } else { "0" }),
            Value::Integer(0) => self.map.get("false"),
            Value::Integer(1) => self.map.get("true"),
            _ => None,
        });
        let (state, reason) = match (mapped, self.packml) {
            (Some(mapped), _) => (Some(mapped.state), mapped.reason.clone()),
            (None, Some(numbers)) => (code.parse().ok().and_then(|number| numbers.state(number)), None),
            (None, None) => (None, None),
        };
        let known = state.is_some();
        (KnownState { state: state.unwrap_or(self.unknown), source_code: Some(code), reason, since }, known)
    }
}

fn source_code(value: &Value) -> String {
    let mut code = match value {
        Value::Bool(on) => on.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.trim().to_owned(),
        Value::Unavailable => String::new(),
    };
    if let Some((cut, _)) = code.char_indices().nth(SOURCE_CODE_CHARS_MAX) {
        code.truncate(cut);
    }
    code
}
