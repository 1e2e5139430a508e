//! Pieces made.

pub mod store;
