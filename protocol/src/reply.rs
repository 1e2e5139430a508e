//! What central answers.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::chain::ChainHash;
use crate::id::{Epoch, Seq};
use crate::master_data::MasterData;
use crate::time::UtcMicros;

/// Answer to a batch. The agent may forget its events up to and including `acknowledged`, **if** its own chain hash
/// there equals `hash`; if it does not, the agent stops and says so: it is not the one that central listened to.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Reply {
    pub verdict: Verdict,
    pub epoch: Epoch,
    /// Central's mark: the highest sequence committed.
    pub acknowledged: Seq,
    /// Chain hash at `acknowledged`.
    pub hash: ChainHash,
    pub server_time: UtcMicros,
    /// Wish of a busy central: send the next batch no sooner.
    pub pause_ms: u32,
    /// Revision of `master_data`, or of what the agent holds already.
    pub master_data_revision: u64,
    /// Present when the agent's revision was behind.
    pub master_data: Option<MasterData>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub enum Verdict {
    /// All of the batch is committed, now or before.
    Accepted,
    /// The batch begins after `acknowledged + 1`: send from there. Central does not answer this: an agent that follows
    /// the protocol never begins there unless central went back, which is `Diverged`. Agents understand it; the wire
    /// keeps its place.
    Gap,
    /// A second history. Nothing of the batch became a fact; what central needs to compare was kept.
    Diverged { reason: DivergenceReason, text: String },
    /// A person resolved a divergence in favour of this log: go on in `epoch`, from `acknowledged + 1`.
    NewEpoch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceReason {
    /// Other content at a sequence that is already committed.
    Content,
    /// The agent's log ends before central's mark: restored from an old copy.
    Rewound,
    /// Two processes run from copies of one database.
    Copied,
    /// The agent was told of more than central has (a higher mark, a later epoch): central was restored from an older
    /// backup.
    ClaimedByAgent,
}
