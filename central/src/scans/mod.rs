//! Codes that were read.

pub mod store;
