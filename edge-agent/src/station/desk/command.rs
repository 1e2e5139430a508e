//! What the desk is asked for.

use process::clock::Moment;
use protocol::event::{JobAction, Scan};
use protocol::id::Name;
use protocol::time::UtcMicros;
use uuid::Uuid;

use crate::station::api::EntryKind;

/// What is asked for, under the id that the page made.
#[derive(Debug, Clone)]
pub(in crate::station) struct Request {
    pub(in crate::station) id: Uuid,
    pub(in crate::station) command: Command,
}

#[derive(Debug, Clone)]
pub(in crate::station) enum Command {
    /// The operator has proven who it is.
    LogOn {
        number: String,
    },
    LogOff {
        operator: String,
    },
    Job {
        operator: String,
        machine: Name,
        action: JobAction,
        work_order: String,
    },
    Pieces {
        operator: String,
        machine: Name,
        counts: [u32; 3],
        reason: Option<String>,
    },
    /// Of the entry of the same id.
    Undo {
        operator: String,
    },
    StopReason {
        operator: String,
        machine: Name,
        stop: String,
        reason: String,
    },
    StopNote {
        operator: String,
        machine: Name,
        stop: String,
        note: String,
    },
    StopSplit {
        operator: String,
        machine: Name,
        stop: String,
        from: UtcMicros,
    },
    ShiftNote {
        operator: String,
        machine: Option<Name>,
        note: String,
    },
    Help {
        operator: Option<String>,
        machine: Name,
        active: bool,
    },
    Scan(Box<ScanOf>),
}

impl Request {
    /// By one of the agent, not on the page.
    pub(super) fn is_by_scanner(&self) -> bool {
        matches!(&self.command, Command::Scan(code) if matches!(code.by, ScannedBy::Scanner { .. }))
    }

    /// When what is asked for happened, if that was before it was asked for.
    pub(in crate::station) fn taken(&self) -> Option<Moment> {
        match &self.command {
            Command::Scan(code) => match code.by {
                ScannedBy::Scanner { taken, .. } => Some(taken),
                ScannedBy::Page { .. } => None,
            },
            _ => None,
        }
    }
}

impl Command {
    /// Whether an entry of this kind can have come from such a request.
    pub(super) fn may_be(&self, kind: EntryKind) -> bool {
        match self {
            Command::LogOn { .. } => kind == EntryKind::LogOn,
            Command::LogOff { .. } => kind == EntryKind::LogOff,
            Command::Job { .. } => kind == EntryKind::Job,
            Command::Pieces { .. } | Command::Undo { .. } => kind == EntryKind::Pieces,
            Command::StopReason { .. } => kind == EntryKind::StopReason,
            Command::StopNote { .. } => kind == EntryKind::StopNote,
            Command::StopSplit { .. } => kind == EntryKind::StopSplit,
            Command::ShiftNote { .. } => kind == EntryKind::ShiftNote,
            Command::Help { .. } => kind == EntryKind::Help,
            Command::Scan(_) => matches!(kind, EntryKind::Scan | EntryKind::LogOn | EntryKind::Job),
        }
    }
}

/// A code, and whose badge it is.
#[derive(Debug, Clone)]
pub(in crate::station) struct ScanOf {
    pub(in crate::station) scan: Scan,
    pub(in crate::station) badge_of: Option<String>,
    pub(in crate::station) by: ScannedBy,
}

#[derive(Debug, Clone)]
pub(in crate::station) enum ScannedBy {
    /// What is chosen there.
    Page { operator: Option<String>, machine: Option<Name> },
    /// A scanner of the agent, the machine that it belongs to, and when it read the code.
    Scanner { machine: Option<Name>, taken: Moment },
}

impl ScanOf {
    /// Where it was scanned, as far as that is said.
    pub(super) fn machine(&self) -> Option<&Name> {
        match &self.by {
            ScannedBy::Page { machine, .. } | ScannedBy::Scanner { machine, .. } => machine.as_ref(),
        }
    }
}
