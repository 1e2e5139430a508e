//! Sync against real PostgreSQL over real TLS.

mod agent;
mod cluster;
mod divergence;
mod enrolment;
mod exactly_once;
mod faults;
mod quarantine;
mod summaries;
