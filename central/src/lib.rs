//! Central: agents' facts into PostgreSQL exactly once, and everything that is read from them.
//!
//! - [`cli`]: the commands, and the only place that prints
//! - [`configuration`]: one file, every value with a default
//! - [`serve`]: what `central serve` puts together, in which order it starts and stops
//! - [`database`]: connecting, the private PostgreSQL, migrations, what the server offers
//! - [`doctor`]: what is wrong, and what to do about it
//! - [`machines`], [`agents`], [`events`]: what a plant has and what happened there; each folder with its rules, its SQL
//!   (`store`) and its HTTP (`routes`)
//! - [`plants`], [`identity`]: where things stand, and the key that agents know central by
//! - [`web`]: router assembly, health, metrics, errors as problem+json

pub mod agents;
pub mod cli;
pub mod configuration;
pub mod database;
pub mod doctor;
pub mod events;
pub mod identity;
pub mod machines;
pub mod plants;
pub mod serve;
pub mod web;
