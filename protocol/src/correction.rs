//! What people said at central of an agent's stops, so that the station tells the same of a stop as the dashboard.
//!
//! It comes down whole: the newest state replaces what the agent held, so that nothing depends on what was told before,
//! in which order, or by which of a central's backups. JSON, where a field may be added; a reader ignores those it does
//! not know.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::Name;
use crate::time::UtcMicros;

/// Where an agent asks.
pub const CORRECTIONS_PATH: &str = "/agent/v1/corrections";
/// Header of the answer to a batch: the [`Corrections::revision`] that central would tell.
pub const CORRECTIONS_REVISION: &str = "corrections-revision";

/// A station shows a stop until it ended so long ago.
pub const SHOWN_FOR_US: i64 = 24 * 3_600_000_000;

/// All that was said at central of the stops that a station of the agent may still show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrections {
    /// Another one after every change. Only compared for being the same: a central that was restored from a backup says
    /// an earlier one, or one that never was. All zeros before anything was ever said.
    pub revision: Uuid,
    /// Newest first, at most [`crate::limits::CORRECTIONS_MAX`].
    pub stops: Vec<CorrectedStop>,
}

/// A stop, or a part of one, of which something was said at central.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectedStop {
    pub machine: Name,
    /// As the agent numbered it; below zero for a part that was split off at central.
    pub stop: i64,
    /// When it began, or from when on it was split off: with the number, what tells it from one of an earlier log.
    pub began_at: UtcMicros,
    /// The reason that holds, where it was given at central.
    pub reason: Option<GivenReason>,
    /// Who split it off, of a part that central made.
    pub split: Option<SaidAtCentral>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenReason {
    pub code: String,
    pub title: String,
    /// Why it replaced the reason before.
    pub why: Option<String>,
    #[serde(flatten)]
    pub said: SaidAtCentral,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidAtCentral {
    /// Who, as the dashboard shows it.
    pub by: String,
    pub at: UtcMicros,
}
