//! The product seen from outside: the built binaries against real PostgreSQL, a real broker and simulated machines that
//! speak real protocols, with faults in between.
//!
//! - [`plant`]: machines whose true count is known; also the plant of `make demo`
//! - [`stage`]: a plant that somebody else directs: the browser tests
//! - [`demo`]: what `make demo` runs
//! - [`harness`]: PostgreSQL, broker, processes, the wire between them, and what is needed to ask whether it is true
//! - [`mod@bench`]: what the figures of `make bench` have in common

pub mod bench;
pub mod demo;
pub mod harness;
pub mod plant;
pub mod stage;
