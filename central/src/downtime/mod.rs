//! Stops.

pub mod routes;
pub mod stops;
pub mod store;
