//! Shifts: the plant's [`calendar`] of them, which people maintain, and what operators say at a station (`shift_log`,
//! facts of agents).

pub mod calendar;
pub mod log;
pub mod routes;
pub mod store;
