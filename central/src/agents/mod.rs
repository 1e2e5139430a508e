//! Edge agents: who they are, how they are let in and shut out, and what is done when two claim to be one.

pub mod administration;
pub mod divergence;
pub mod enrolment;
pub mod overview;
pub mod routes;
pub mod store;
