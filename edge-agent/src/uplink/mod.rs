//! Brings the log to central, exactly once, and central's word back: time, master data, verdicts.
//!
//! - **Who decides**: [`machine`] (what next, how much, how long to wait), [`outcome`] (what an answer means),
//!   [`agreement`] (whether central and this log tell the same history),
//!   [`corrections`] (when to ask what was said there of this agent's stops). All pure.
//! - **Who acts**: [`shell`], with [`compose`] for batches and [`link`] for the connection.
//! - **Who deletes**: nobody here; the log forgets what [`crate::buffer::Buffer::acknowledge`] was told, and it is told
//!   only after this log's own chain hash was found to be central's.
//! - **Why a retry is safe**: batches begin after the acknowledged end of the log, and central knows what it has.

pub mod agreement;
mod compose;
pub mod configuration;
mod corrections;
pub mod enrolment;
#[cfg(test)]
pub(crate) mod fake_central;
pub mod link;
pub mod machine;
pub mod outcome;
pub mod problem;
mod shell;

pub use shell::{Uplink, View};
