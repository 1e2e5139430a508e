//! Work in progress.

pub mod configuration;
