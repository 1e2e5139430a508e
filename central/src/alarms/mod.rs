//! What somebody should look at.

pub mod store;
