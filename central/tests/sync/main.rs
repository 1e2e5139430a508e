//! Sync against real PostgreSQL over real TLS.

mod agent;
mod cluster;
mod exactly_once;
