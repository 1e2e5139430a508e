//! Shifts, and what is written down in them.

pub mod store;
