//! Brings the log to central, exactly once.

pub mod configuration;
pub mod enrolment;
pub mod link;
pub mod problem;
