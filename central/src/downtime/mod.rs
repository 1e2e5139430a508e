//! Stops.

pub mod correction;
pub mod routes;
pub mod stops;
pub mod store;
