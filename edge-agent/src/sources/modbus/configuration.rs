use process::configuration::{KeyPath, Problems};
use protocol::id::Name;
use serde::Deserialize;

use crate::configuration::SignalReference;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusSection {
    pub name: Name,
}

impl ModbusSection {
    pub(crate) fn check(&self, _at: &KeyPath, _problems: &mut Problems) {}

    pub(crate) fn signals(&self, _at: &KeyPath) -> Vec<SignalReference<'_>> {
        Vec::new()
    }
}
