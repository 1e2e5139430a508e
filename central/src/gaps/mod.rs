//! Loss that was recorded.

pub mod store;
