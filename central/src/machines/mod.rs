//! Machines: who may report them, how they stand, and every state they were in.

pub mod board;
pub mod overview;
pub mod routes;
pub mod settings;
pub mod store;
pub mod subject;
pub mod timeline;
