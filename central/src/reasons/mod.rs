//! Reasons: what people may say of a stop, of scrap and of rework.

pub mod routes;
pub mod store;
