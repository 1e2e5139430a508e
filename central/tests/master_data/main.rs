//! What people maintain over the API, against a real PostgreSQL.

#![expect(unreachable_pub, clippy::unwrap_used, reason = "a test fails where it panics, and is a program of its own")]

mod agents;
mod api;
mod imports;
mod machines;
mod operators;
mod records;
#[path = "../support/mod.rs"]
mod support;
