//! What a batch is, measured against what is committed: the rule of exactly once, as a function of its input.
//!
//! The ledger holds, for each agent and for ever, the epoch, the mark (highest sequence committed), the chain hash there
//! and the process it last listened to. [`decide`] is called with the ledger row locked; whatever it returns is carried
//! out in the same transaction.
//!
//! Two things make the rule safe in both directions:
//! - A chain hash covers everything before it. Equal hashes at one sequence mean equal histories up to it, so comparing
//!   single digests is enough to find where two histories part.
//! - A request can outlive the process that sent it: it lies in a socket or a proxy while its agent is killed and
//!   started again. Such last words look exactly like an old copy. They are answered with [`Decision::Prove`] ("ask
//!   again"), which a living process does and a dead one does not; only then is it called a divergence.

use std::collections::BTreeMap;

use protocol::chain::ChainHash;
use protocol::id::{Epoch, Instance, Seq};
use protocol::reply::DivergenceReason;

/// One agent's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub epoch: Epoch,
    pub mark: Seq,
    pub hash: ChainHash,
    /// The process last listened to; none before the first batch.
    pub instance: Option<Instance>,
    /// After a resolved divergence: events up to here that hash as they did in an earlier epoch are facts already.
    pub known_until: Seq,
    /// Why every batch is refused until a person decides.
    pub open_divergence: Option<(DivergenceReason, String)>,
}

/// What a batch says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'b> {
    pub epoch: Epoch,
    pub instance: Instance,
    pub first_seq: Seq,
    pub previous: ChainHash,
    pub newest_seq: Seq,
    /// Chain hashes at `first_seq`, `first_seq + 1`, …: computed, not claimed.
    pub chain: &'b [ChainHash],
    /// This process has asked again after it was told to.
    pub alive: bool,
}

/// Digests of committed events, of the newest epoch that has them; those long past may be gone.
#[derive(Debug, Clone, Default)]
pub struct KnownDigests(BTreeMap<u64, Vec<[u8; 8]>>);

impl KnownDigests {
    /// Adds a run of digests that begins at `first`; later calls take precedence, so epochs are added in order.
    pub fn add(&mut self, first: Seq, digests: &[u8]) {
        let digests: Vec<[u8; 8]> = digests.as_chunks::<8>().0.to_vec();
        let end = first.0 + digests.len() as u64;
        // What an earlier epoch says of the same sequences gives way.
        let overlapping: Vec<u64> = self
            .0
            .range(..end)
            .filter(|(start, run)| *start + run.len() as u64 > first.0)
            .map(|(start, _)| *start)
            .collect();
        for start in overlapping {
            let Some(run) = self.0.remove(&start) else { continue };
            if start < first.0 {
                let keep = usize::try_from(first.0 - start).unwrap_or(usize::MAX).min(run.len());
                self.0.insert(start, run[..keep].to_vec());
            }
            if start + run.len() as u64 > end {
                let from = usize::try_from(end - start).unwrap_or(usize::MAX).min(run.len());
                self.0.insert(end, run[from..].to_vec());
            }
        }
        self.0.insert(first.0, digests);
    }

    #[must_use]
    pub fn at(&self, seq: Seq) -> Option<[u8; 8]> {
        let (start, run) = self.0.range(..=seq.0).next_back()?;
        run.get(usize::try_from(seq.0 - start).ok()?).copied()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// All of it is committed with this transaction, or was before.
    Apply(Apply),
    /// This log was accepted by a person: the agent is told the epoch and where to go on.
    NewEpoch,
    /// Suspicious, and perhaps only the last words of a process that is gone: ask again.
    Prove,
    /// A second history. The agent is locked, everything is kept, a person decides.
    Diverged { reason: DivergenceReason, fork: Option<Seq>, text: String },
    /// Not listened to: its divergence is open, or it was decided against.
    Refused { reason: DivergenceReason, text: String, retired: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apply {
    /// Events of the batch that were below the mark: nothing of them is new.
    pub below_mark: usize,
    /// Events of the batch that are facts already; at least `below_mark`. The others become facts.
    pub known: usize,
    /// The ledger afterwards.
    pub mark: Seq,
    pub hash: ChainHash,
    pub known_until: Seq,
}

/// Whether [`decide`] will look at digests, and of which sequences.
#[must_use]
pub fn digests_needed(ledger: &Ledger, claim: &Claim<'_>) -> Option<(Seq, Seq)> {
    let last = Seq(claim.first_seq.0 - 1 + claim.chain.len() as u64);
    let overlaps = claim.first_seq <= ledger.mark;
    let compares = ledger.known_until > ledger.mark && last > ledger.mark;
    (overlaps || compares).then(|| (Seq(claim.first_seq.0 - 1), last))
}

#[must_use]
pub fn decide(ledger: &Ledger, known: &KnownDigests, claim: &Claim<'_>) -> Decision {
    if let Some((reason, text)) = &ledger.open_divergence {
        return Decision::Refused { reason: *reason, text: text.clone(), retired: false };
    }
    if let Some(decision) = decide_by_epoch(ledger, claim) {
        return decision;
    }
    if let Some(decision) = decide_by_instance(ledger, claim) {
        return decision;
    }
    if claim.first_seq > ledger.mark.next() {
        // An agent begins after what was acknowledged to it, with one request on its way: the mark went back.
        return diverged(DivergenceReason::ClaimedByAgent, None, behind(ledger.mark, Seq(claim.first_seq.0 - 1)));
    }
    match compare(ledger, known, claim) {
        Err(fork) => {
            let place = fork.map_or_else(|| "before this batch".to_owned(), |fork| format!("at sequence {fork}"));
            diverged(DivergenceReason::Content, fork, format!("other content than central has committed, {place}"))
        }
        Ok(()) => Decision::Apply(apply(ledger, known, claim)),
    }
}

fn diverged(reason: DivergenceReason, fork: Option<Seq>, text: String) -> Decision {
    Decision::Diverged { reason, fork, text }
}

fn behind(mark: Seq, acknowledged: Seq) -> String {
    format!(
        "central was restored from an older backup: it has this agent's events up to {mark}, but the agent was told \
         before that central has them up to {acknowledged}, and has forgotten them. Events {} to {acknowledged} are \
         missing in central unless they are found elsewhere, in a newer backup of its database",
        mark.next()
    )
}

fn decide_by_epoch(ledger: &Ledger, claim: &Claim<'_>) -> Option<Decision> {
    if claim.epoch == ledger.epoch {
        return None;
    }
    if claim.epoch > ledger.epoch {
        let text = format!(
            "the agent speaks of epoch {}, central knows only {}: central was restored from an old backup",
            claim.epoch.0, ledger.epoch.0
        );
        return Some(diverged(DivergenceReason::ClaimedByAgent, None, text));
    }
    if ledger.instance == Some(claim.instance) {
        return Some(Decision::NewEpoch);
    }
    let text = "a person decided in favour of another copy of this agent's log".to_owned();
    Some(Decision::Refused { reason: DivergenceReason::Copied, text, retired: true })
}

fn decide_by_instance(ledger: &Ledger, claim: &Claim<'_>) -> Option<Decision> {
    let stored = ledger.instance?;
    if stored == claim.instance {
        // A running process does not rewind: if its newest event is below the mark, this is an earlier request of its.
        return None;
    }
    let rewound = claim.newest_seq < ledger.mark;
    if claim.instance.starts == stored.starts {
        let text =
            format!("two processes run from copies of one database (both are its start number {})", stored.starts);
        return Some(diverged(DivergenceReason::Copied, None, text));
    }
    if claim.instance.starts < stored.starts {
        if !claim.alive {
            return Some(Decision::Prove);
        }
        let text = format!(
            "a process from an older copy of the database: its start number {}, central has heard number {}",
            claim.instance.starts, stored.starts
        );
        let reason = if rewound { DivergenceReason::Rewound } else { DivergenceReason::Copied };
        return Some(diverged(reason, None, text));
    }
    rewound.then(|| {
        let text = format!(
            "the agent's log ends at {}, central has committed up to {}: restored from an old copy",
            claim.newest_seq, ledger.mark
        );
        diverged(DivergenceReason::Rewound, None, text)
    })
}

/// Whether what the batch repeats is what was committed; else the first sequence that differs, where that is known.
fn compare(ledger: &Ledger, known: &KnownDigests, claim: &Claim<'_>) -> Result<(), Option<Seq>> {
    let base = Seq(claim.first_seq.0 - 1);
    let base_fits = if base == ledger.mark {
        claim.previous == ledger.hash
    } else if base == Seq::NONE {
        claim.previous == ChainHash::START
    } else {
        known.at(base).is_none_or(|digest| digest == claim.previous.digest())
    };
    if !base_fits {
        return Err(None);
    }
    for (hash, seq) in claim.chain.iter().zip(claim.first_seq.0..=ledger.mark.0) {
        let fits = if seq == ledger.mark.0 {
            *hash == ledger.hash
        } else {
            // Digests long past are gone; the mark's hash, when the batch reaches it, covers them all.
            known.at(Seq(seq)).is_none_or(|digest| digest == hash.digest())
        };
        if !fits {
            return Err(Some(Seq(seq)));
        }
    }
    Ok(())
}

/// What becomes of a batch that fits.
fn apply(ledger: &Ledger, known: &KnownDigests, claim: &Claim<'_>) -> Apply {
    let last = claim.first_seq.0 - 1 + claim.chain.len() as u64;
    let below_mark = claim.chain.len().min(usize::try_from(ledger.mark.next().0 - claim.first_seq.0).unwrap_or(0));
    let Some(hash) = claim.chain.last().filter(|_| last > ledger.mark.0) else {
        let Ledger { mark, hash, known_until, .. } = *ledger;
        return Apply { below_mark, known: below_mark, mark, hash, known_until };
    };
    let mut facts_from = below_mark;
    let mut known_until = if ledger.known_until > ledger.mark { ledger.known_until } else { Seq::NONE };
    for (index, hash) in claim.chain.iter().enumerate().skip(below_mark) {
        let seq = Seq(claim.first_seq.0 + index as u64);
        if seq > known_until {
            break;
        }
        if known.at(seq) != Some(hash.digest()) {
            // From the first difference on it is another history: all of it is new.
            known_until = Seq::NONE;
            break;
        }
        facts_from = index + 1;
    }
    if known_until.0 <= last {
        known_until = Seq::NONE;
    }
    Apply { below_mark, known: facts_from, mark: Seq(last), hash: *hash, known_until }
}

/// Where a log that a person accepted goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumption {
    pub mark: Seq,
    pub hash: ChainHash,
    pub known_until: Seq,
}

/// Where the accepted log, of which one batch was kept, leaves the history that is committed up to `mark`.
#[must_use]
pub fn resume(mark: Seq, known: &KnownDigests, first_seq: Seq, previous: ChainHash, chain: &[ChainHash]) -> Resumption {
    let base = Seq(first_seq.0 - 1);
    let base_known =
        base <= mark && (base == Seq::NONE || known.at(base).is_none_or(|digest| digest == previous.digest()));
    if !base_known {
        // Nothing of what is committed is in the batch. What the agent has forgotten, central acknowledged; where that
        // is more than is committed, the caller records the loss.
        return Resumption { mark: base, hash: previous, known_until: Seq::NONE };
    }
    let equal = chain
        .iter()
        .zip(first_seq.0..=mark.0)
        .take_while(|(hash, seq)| known.at(Seq(*seq)) == Some(hash.digest()))
        .count();
    let resumed = Seq(base.0 + equal as u64);
    let hash = equal.checked_sub(1).map_or(previous, |last| chain[last]);
    let undecided = equal == chain.len() && resumed < mark;
    Resumption { mark: resumed, hash, known_until: if undecided { mark } else { Seq::NONE } }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
