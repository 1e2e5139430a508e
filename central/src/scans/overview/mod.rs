//! Codes that were read at a machine, for the API. Nothing here writes.

pub mod store;
