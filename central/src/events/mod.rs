//! What happened at a machine, across every kind of fact: newest first, page by page, each event with what drilling down
//! needs. Nothing here writes.

pub mod cursor;
pub mod fact;
pub mod routes;
pub mod store;
