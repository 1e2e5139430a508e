//! What an entry says, as its events have it: for pages that speak another language than the agent.

use protocol::event::EventKind;

use super::excerpt;
use crate::reading::OriginName;
use crate::station::api::Said;
use crate::station::desk::people::HELP;

impl Said {
    /// Where a code led to something, that is what counts.
    pub(super) fn of(events: &[(OriginName, EventKind)]) -> Option<Said> {
        events.iter().rev().find_map(|(_, kind)| match kind {
            EventKind::Job(it) => Some(Said::Job { action: it.action, work_order: it.work_order.clone() }),
            EventKind::PieceEntry(it) => {
                Some(Said::Pieces { good: it.good, scrap: it.scrap, rework: it.rework, reason: it.reason.clone() })
            }
            EventKind::Alarm(it) if it.code == HELP => Some(Said::Help { active: it.active }),
            EventKind::Scan(it) => Some(Said::Code { text: excerpt(&String::from_utf8_lossy(&it.raw)) }),
            _ => None,
        })
    }
}
