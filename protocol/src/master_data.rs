//! What central sends down, so that a station works for days without it. One revision covers all of it.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::Name;
use crate::time::UtcMicros;

#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MasterData {
    /// IANA name of the plant's time zone.
    pub time_zone: String,
    pub machines: Vec<MachineSettings>,
    pub products: Vec<Product>,
    pub work_orders: Vec<WorkOrder>,
    pub reasons: Vec<Reason>,
    pub operators: Vec<Operator>,
    pub shifts: Vec<Shift>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct MachineSettings {
    pub name: Name,
    pub title: String,
    /// A stop shorter than this is a microstop.
    pub microstop_below_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Product {
    pub code: String,
    pub title: String,
    /// None when unknown: never invented.
    pub ideal_cycle_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct WorkOrder {
    pub code: String,
    pub product: String,
    pub machine: Option<Name>,
    pub quantity: Option<u64>,
    pub due_at: Option<UtcMicros>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Reason {
    pub code: String,
    pub title: String,
    /// What the reason explains: `downtime` (a stop), or `pieces` (scrap and rework).
    pub applies_to: String,
    pub planned: bool,
}

/// Somebody who may log on at a station. Hashes are argon2id in PHC form.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Operator {
    pub number: String,
    pub name: String,
    pub badge_hash: Option<String>,
    pub pin_hash: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Shift {
    pub name: String,
    pub starts_at: UtcMicros,
    pub ends_at: UtcMicros,
}
