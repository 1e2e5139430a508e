//! What an edge agent and central say to each other.
//!
//! No I/O, no clock, no randomness: everything here is a value or a function of its input.
//!
//! # Layout
//! - [`id`]: names and numbers that identify things
//! - [`time`]: moments, and how far they can be trusted
//! - [`event`]: what happened on the floor
//! - [`batch`], [`reply`]: one exchange of a sync
//! - [`master_data`]: what central sends down
//! - [`correction`]: what people said at central of an agent's stops
//! - [`enrolment`]: the code an installer types, and the exchange that binds an agent's key
//! - [`chain`]: the running hash that tells a retry from a second history
//! - [`codec`], [`limits`], [`version`]: bytes
//!
//! # The rule of exactly once
//! An agent numbers its events without holes: `(agent, epoch, seq)`. Central remembers for ever the highest
//! sequence it has committed and the [chain hash](chain::ChainHash) there. Whatever is at or below that mark and
//! hashes the same is already known; whatever differs is a second history, which is refused and kept for a person.

pub mod batch;
pub mod chain;
pub mod codec;
pub mod correction;
pub mod enrolment;
pub mod event;
pub mod id;
pub mod limits;
pub mod master_data;
pub mod reply;
pub mod time;
pub mod version;
