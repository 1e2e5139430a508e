//! `[[scanner]]`: one barcode scanner.

use std::path::PathBuf;

use process::configuration::{KeyPath, Problems};
use protocol::id::Name;
use serde::Deserialize;

use super::decode::Gs1Reading;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannerSection {
    pub name: Name,
    /// How it is reached: `{ type = "serial", port = "…" }`.
    pub connection: Connection,
    /// The machine that scans belong to; without it they belong to the agent's station.
    pub machine: Option<Name>,
    /// Whether operators scan with it what they would scan on the station's page: badges, work orders. Not so for a fixed
    /// scanner that reads what passes: its codes are stored, and nothing else.
    #[serde(default = "yes")]
    pub for_operators: bool,
    #[serde(default)]
    pub gs1: Gs1Reading,
    /// What the scanner sends in place of a group separator, where it replaces it.
    pub group_separator: Option<String>,
    /// What stands before each code.
    #[serde(default)]
    pub prefix: String,
    /// What ends each code; empty when only silence does.
    #[serde(default = "carriage_return")]
    pub suffix: String,
    /// Silence that ends a code whose suffix did not come.
    #[serde(default = "default_silence_ms")]
    pub silence_ms: u64,
    /// The same code again within this time is the same label read twice, and not stored. 0 stores all.
    #[serde(default)]
    pub reread_ms: u64,
    /// Sent to the scanner once a code is stored, for scanners that wait for their host before they beep.
    pub stored_reply: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Connection {
    /// A serial port, or USB in serial (CDC) mode: prefer `/dev/serial/by-id/…`, which stays when cables are moved.
    Serial {
        port: String,
        #[serde(default = "default_baud")]
        baud: u32,
        #[serde(default)]
        parity: Parity,
        #[serde(default = "eight")]
        data_bits: u8,
        #[serde(default = "one")]
        stop_bits: u8,
    },
    /// The scanner listens, the agent connects.
    TcpConnect { address: String },
    /// The agent listens, the scanner connects.
    TcpListen { listen: String },
    /// A scanner in keyboard mode on Linux, taken from the desktop so that no code lands in another window.
    Evdev {
        /// `/dev/input/by-id/…-event-kbd`
        device: PathBuf,
        #[serde(default)]
        layout: Layout,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    #[default]
    None,
    Even,
    Odd,
}

/// The keyboard that the scanner is set to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    #[default]
    Us,
    De,
}

fn yes() -> bool {
    true
}

fn carriage_return() -> String {
    "\r".to_owned()
}

fn default_silence_ms() -> u64 {
    100
}

fn default_baud() -> u32 {
    9_600
}

fn eight() -> u8 {
    8
}

fn one() -> u8 {
    1
}

impl ScannerSection {
    pub(crate) fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if !(10..=10_000).contains(&self.silence_ms) {
            problems.add(at.key("silence_ms"), format!("{} found, expected 10 to 10000", self.silence_ms));
        }
        if self.reread_ms > 60_000 {
            problems.add(at.key("reread_ms"), format!("{} found, expected at most 60000", self.reread_ms));
        }
        for (key, text) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
            if text.len() > 11 {
                problems.add(at.key(key), format!("{} bytes found, expected at most 11", text.len()));
            }
        }
        if self.group_separator.as_ref().is_some_and(String::is_empty) {
            problems.add(at.key("group_separator"), "empty text found, expected what the scanner sends for FNC1");
        }
        let at_connection = at.key("connection");
        match &self.connection {
            Connection::Serial { data_bits, stop_bits, baud, .. } => {
                if ![7, 8].contains(data_bits) {
                    problems.add(at_connection.key("data_bits"), format!("{data_bits} found, expected 7 or 8"));
                }
                if ![1, 2].contains(stop_bits) {
                    problems.add(at_connection.key("stop_bits"), format!("{stop_bits} found, expected 1 or 2"));
                }
                if !(300..=1_000_000).contains(baud) {
                    problems.add(at_connection.key("baud"), format!("{baud} found, expected 300 to 1000000"));
                }
            }
            Connection::TcpConnect { address } => check_address(address, at_connection.key("address"), problems),
            Connection::TcpListen { listen } => check_address(listen, at_connection.key("listen"), problems),
            Connection::Evdev { .. } if self.stored_reply.is_some() => problems
                .add(at.key("stored_reply"), "a scanner in keyboard mode takes no reply: use serial mode or remove it"),
            Connection::Evdev { .. } => {}
        }
    }
}

fn check_address(address: &str, at: KeyPath, problems: &mut Problems) {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse().ok());
    if port.is_none_or(|port: u16| port == 0) {
        problems.add(at, format!("{address:?} found, expected HOST:PORT, such as \"192.0.2.7:2001\""));
    }
}
