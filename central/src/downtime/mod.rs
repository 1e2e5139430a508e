//! Stops.

pub mod store;
