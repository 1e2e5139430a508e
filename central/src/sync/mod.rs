//! Agents' logs become facts, exactly once.
//!
//! # What happens to a batch
//! 1. [`server`] accepts it over TLS 1.3, knows the agent by its key, bounds what it reads, decodes it ([`request`]).
//! 2. [`queue`] groups what is waiting: batches that arrive while a transaction runs form the next group. A few groups
//!    may run at once; two batches of one agent never do.
//! 3. [`group`] commits the group in **one transaction**: lock the ledger rows in order of agent, decide each batch
//!    ([`ledger`]), turn what is new into rows ([`facts`]), COPY them, keep summaries exact, note what follows on the
//!    queue, move the ledger.
//! 4. After the commit, and not before, the agents are answered.
//!
//! # Why a retry is safe
//! The ledger moves in the transaction that writes the rows, or neither happens. So whoever does not know how a
//! transaction ended (central after a lost connection, an agent after a lost reply) simply sends it again: what is
//! committed is recognised by its sequence and its hash. Central may be killed anywhere; several may run on one database.
//!
//! # Who writes, who deletes
//! Only this module writes facts. Nothing here deletes one; months beyond retention are dropped by
//! [`crate::database::maintenance`]. [`maintenance`] forgets old digests and tells listeners of changes.
//! A batch that PostgreSQL refuses does not hold up its neighbours: it is committed alone, and if it must be, event by
//! event, with what is refused set aside in `quarantined_events`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub mod facts;
pub mod group;
pub mod ledger;
pub mod maintenance;
pub mod master_data;
pub mod metrics;
pub mod quarantine;
pub mod queue;
pub mod request;
pub mod server;
pub mod store;

/// How sync is run. The defaults fit a plant; the limits bound what any number of agents can take of this process.
#[derive(Debug, Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Central's key: what agents pin.
    pub key_file: PathBuf,
    /// Connections of agents at one time.
    pub connections_max: usize,
    /// Memory for batches that are being read or wait; past it agents are told to come back.
    pub batch_bytes_max: usize,
    /// Groups that are committed at the same time.
    pub groups_at_once: usize,
    /// How far ahead of central's clock an event may be.
    pub future_tolerance: Duration,
}

impl Settings {
    #[must_use]
    pub fn new(listen: SocketAddr, key_file: PathBuf) -> Settings {
        Settings {
            listen,
            key_file,
            connections_max: 4_096,
            batch_bytes_max: 256 * 1024 * 1024,
            groups_at_once: 2,
            future_tolerance: Duration::from_secs(5 * 60),
        }
    }
}
