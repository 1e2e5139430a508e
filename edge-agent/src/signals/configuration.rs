//! `[[machine]]`: what the signals of a machine mean.

use std::collections::BTreeMap;

use process::configuration::{KeyPath, Problems};
use protocol::id::Name;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSection {
    pub name: Name,
    /// `[machine.signal.NAME]`
    #[serde(default, rename = "signal")]
    pub signals: BTreeMap<Name, SignalSection>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSection {}

impl MachineSection {
    pub(crate) fn check(&self, _at: &KeyPath, _problems: &mut Problems) {}
}
