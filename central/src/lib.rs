//! Central: agents' facts into PostgreSQL exactly once, and everything that is read from them.
//!
//! - [`cli`]: the commands, and the only place that prints
//! - [`configuration`]: one file, every value with a default
//! - [`serve`]: what `central serve` puts together, in which order it starts and stops
//! - [`database`]: connecting, the private PostgreSQL, migrations, what the server offers, its upkeep
//! - [`doctor`]: what is wrong, and what to do about it
//! - [`sync`]: agents' logs become facts; [`fact`] and [`copy`] are the shape of their rows
//! - [`plants`], [`machines`], [`agents`], [`production`], [`downtime`], …: what a plant has and what happened there;
//!   each folder with its rules, its SQL (`store`) and its HTTP (`routes`)
//! - [`master_data`]: what people maintain, and how lists, changes and imports of it are alike
//! - [`events`]: what happened at a machine, across all of these
//! - [`live`]: what changes, to every open page
//! - [`queue`]: work that follows from events, and the worker that does it
//! - [`alerts`]: incidents, and who is told of them
//! - [`work`]: what `central worker` puts together
//! - [`identity`]: the key that agents know central by
//! - [`api`]: every route under `/api/v1`
//! - [`auth`], [`users`]: who asks, and what they may
//! - [`web`]: router assembly, health, metrics, errors as problem+json

pub mod agents;
pub mod alarms;
pub mod alerts;
pub mod api;
pub mod auth;
pub mod cli;
pub mod configuration;
pub mod copy;
pub mod database;
pub mod doctor;
pub mod downtime;
pub mod events;
pub mod fact;
pub mod gaps;
pub mod identity;
pub mod lines;
pub mod live;
pub mod machines;
pub mod master_data;
pub mod measurements;
pub mod operators;
pub mod plants;
pub mod production;
pub mod products;
pub mod queue;
pub mod reasons;
pub mod scans;
pub mod serve;
pub mod shifts;
pub mod sync;
pub mod users;
pub mod web;
pub mod work;
pub mod work_orders;
