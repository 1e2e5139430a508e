//! Process and inspection values.

pub mod store;
