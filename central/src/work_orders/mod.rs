//! Work orders, and the work on them.

pub mod jobs;
pub mod routes;
pub mod store;
