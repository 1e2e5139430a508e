use process::configuration::{KeyPath, Problems};
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UplinkSection {}

impl UplinkSection {
    pub(crate) fn check(&self, _at: &KeyPath, _problems: &mut Problems) {}
}
