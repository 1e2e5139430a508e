//! Work orders, and the work on them.

pub mod store;
