//! Sync against real PostgreSQL over real TLS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agent;
mod corrections;
mod divergence;
mod enrolment;
mod exactly_once;
mod faults;
mod metrics;
mod quarantine;
mod summaries;
#[path = "../support/mod.rs"]
mod support;
