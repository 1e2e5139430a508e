//! Whether central and this log tell the same history. Pure.
//!
//! Central's answer names its mark and the chain hash there. Only if this log has the same hash at that place may events
//! up to it be forgotten.

use protocol::chain::ChainHash;
use protocol::id::Seq;

/// How far this log goes, and what of it is known to be central's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub acknowledged: Seq,
    /// Chain hash there.
    pub hash: ChainHash,
    pub newest: Seq,
}

/// The end of the batch that was sent; of a heartbeat, the acknowledged end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentEnd {
    pub last: Seq,
    pub hash: ChainHash,
}

/// Central's mark, held against this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    Same,
    /// Central has something else at its mark.
    Different,
    /// Central's mark is before what it acknowledged earlier.
    Behind,
    /// Central's mark is beyond the end of this log.
    Beyond,
    /// The mark is at an event whose hash is not at hand: fold the log from its acknowledged end up to there.
    Unread,
}

#[must_use]
pub fn compare(standing: &Standing, sent: &SentEnd, mark: Seq, hash: ChainHash) -> Agreement {
    let same = |own: ChainHash| if own == hash { Agreement::Same } else { Agreement::Different };
    if mark < standing.acknowledged {
        Agreement::Behind
    } else if mark == standing.acknowledged {
        same(standing.hash)
    } else if mark == sent.last {
        same(sent.hash)
    } else if mark > standing.newest {
        Agreement::Beyond
    } else {
        Agreement::Unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(of: u8) -> ChainHash {
        ChainHash([of; 16])
    }

    #[test]
    fn a_mark_is_held_against_the_log() {
        let standing = Standing { acknowledged: Seq(10), hash: hash(10), newest: Seq(30) };
        let sent = SentEnd { last: Seq(20), hash: hash(20) };
        for (mark, at, expected) in [
            (9, 9, Agreement::Behind),
            (10, 10, Agreement::Same),
            (10, 9, Agreement::Different),
            (15, 15, Agreement::Unread),
            (20, 20, Agreement::Same),
            (20, 19, Agreement::Different),
            (25, 25, Agreement::Unread),
            (30, 30, Agreement::Unread),
            (31, 31, Agreement::Beyond),
        ] {
            assert_eq!(compare(&standing, &sent, Seq(mark), hash(at)), expected, "{mark} {at}");
        }
    }
}
