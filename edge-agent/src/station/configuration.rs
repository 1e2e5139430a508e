//! `[station]`: the page for the people at the machines.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use process::configuration::{KeyPath, Problems};
use protocol::id::Name;
use serde::Deserialize;

use crate::sources::scanner::decode::Gs1Reading;

/// Where the page is served unless configured otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
const UNDO_S_MAX: u32 = 3_600;
const LOG_OFF_AFTER_H_MAX: u32 = 7 * 24;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StationSection {
    /// Whether the page is served at all.
    pub enabled: bool,
    /// Address and port. On this computer alone, unless told otherwise. Port 0 takes any free one and logs which.
    pub listen: SocketAddr,
    /// The machines that it shows, in this order; all of them when empty.
    pub machines: Vec<Name>,
    /// Names under which browsers reach the page, beside this computer's own name, `localhost` and bare addresses.
    pub hosts: Vec<String>,
    /// How long a report of pieces may be taken back.
    pub undo_s: u32,
    /// An operator who forgot to log off is logged off after so many hours.
    pub log_off_after_h: u32,
    /// What a work order's code begins with on its label, when it is not the code alone.
    pub work_order_prefix: Option<String>,
    /// When a scanned code is taken for a GS1 element string: as in `[[scanner]]`.
    pub gs1: Gs1Reading,
    /// What the scanner types in place of a group separator: as in `[[scanner]]`.
    pub group_separator: Option<String>,
}

impl Default for StationSection {
    fn default() -> StationSection {
        StationSection {
            enabled: true,
            listen: DEFAULT_LISTEN,
            machines: Vec::new(),
            hosts: Vec::new(),
            undo_s: 300,
            log_off_after_h: 12,
            work_order_prefix: None,
            gs1: Gs1Reading::Auto,
            group_separator: None,
        }
    }
}

impl StationSection {
    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if self.undo_s > UNDO_S_MAX {
            let text = format!("{} is too long: expected at most {UNDO_S_MAX} seconds", self.undo_s);
            problems.add(at.key("undo_s"), text);
        }
        if !(1..=LOG_OFF_AFTER_H_MAX).contains(&self.log_off_after_h) {
            let text = format!("{}: expected 1 to {LOG_OFF_AFTER_H_MAX} hours", self.log_off_after_h);
            problems.add(at.key("log_off_after_h"), text);
        }
        for (index, host) in self.hosts.iter().enumerate() {
            if host.is_empty() || host.contains(['/', ':', ' ']) {
                let text =
                    format!("{host:?} is no host name: expected a name alone, such as \"press-hall.plant.local\"");
                problems.add(at.key("hosts").index(index), text);
            }
        }
        for (key, text) in [("work_order_prefix", &self.work_order_prefix), ("group_separator", &self.group_separator)]
        {
            if text.as_deref() == Some("") {
                problems.add(at.key(key), "it is empty: leave it out");
            }
        }
    }
}
