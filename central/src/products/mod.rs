//! Products: what is made, and how fast one piece is made where that is known.

pub mod routes;
pub mod store;
