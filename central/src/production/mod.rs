//! Pieces made.

pub mod history;
pub mod routes;
pub mod store;
