//! Codes that were read.

pub mod overview;
pub mod routes;
pub mod store;
