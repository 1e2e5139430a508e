//! Production lines: machines that belong together. Agents do not know of them.

pub mod routes;
pub mod store;
