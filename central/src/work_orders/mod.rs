//! Work orders, and the work on them.

pub mod jobs;
pub mod store;
