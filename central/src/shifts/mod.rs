//! Shifts, and what is written down in them.

pub mod log;
pub mod routes;
pub mod store;
