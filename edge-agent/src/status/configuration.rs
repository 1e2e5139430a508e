//! `[status]`: the agent's own page for health, metrics and conditions.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use process::configuration::{KeyPath, Problems};
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatusSection {
    /// Address and port. What it serves is read-only and needs no password, so it stays on this computer unless told
    /// otherwise. Port 0 takes any free one and logs which.
    pub listen: SocketAddr,
}

/// Where the status is served, and asked for, unless configured otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

impl Default for StatusSection {
    fn default() -> StatusSection {
        StatusSection { listen: DEFAULT_LISTEN }
    }
}

impl StatusSection {
    #[expect(clippy::unused_self, reason = "every section checks itself in the same way")]
    pub(crate) fn check(&self, _at: &KeyPath, _problems: &mut Problems) {}
}
