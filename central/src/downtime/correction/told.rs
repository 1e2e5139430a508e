//! What an agent is told of what was said at central, so that its station tells the same of a stop as the dashboard.
//!
//! It is told of machines that are its own, and of stops that its own log knows; not of those that a station shows no
//! longer. All of it at once: what was told before does not matter.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use protocol::correction::{CorrectedStop, Corrections, GivenReason, SHOWN_FOR_US, SaidAtCentral};
use protocol::id::Name;
use protocol::limits::CORRECTIONS_MAX;
use protocol::time::UtcMicros;
use sqlx::PgPool;

use super::store;
use crate::downtime::stops::store::entries;
use crate::downtime::stops::{Entry, Saying, Stop, stops};

/// How much a station's clock may be behind.
const CLOCKS_DIFFER: Duration = Duration::hours(1);

/// What agent `agent` is told at `now`. The revision is read first: what is said meanwhile only makes the agent ask again.
pub async fn corrections(pool: &PgPool, agent: i32, now: DateTime<Utc>) -> sqlx::Result<Corrections> {
    let mut connection = pool.acquire().await?;
    let revision = store::revision(&mut connection, agent).await?;
    let since = now - Duration::microseconds(SHOWN_FOR_US) - CLOCKS_DIFFER;
    let limit = i64::try_from(CORRECTIONS_MAX).unwrap_or(i64::MAX);
    let shown = store::corrected_since(&mut connection, agent, since, limit).await?;
    let names: HashMap<(i32, DateTime<Utc>), Name> = shown
        .iter()
        .filter_map(|it| Some(((it.stop.machine_id, it.stop.began_at), Name::new(&it.machine).ok()?)))
        .collect();
    let candidates: Vec<_> = shown.iter().map(|it| it.stop).collect();
    let found = stops(&entries(&mut connection, &candidates).await?, |_, _| None);
    let told = found.iter().filter_map(|stop| told(names.get(&(stop.machine_id, stop.root_began_at))?, stop));
    let mut told: Vec<CorrectedStop> = told.collect();
    if told.len() > CORRECTIONS_MAX {
        tracing::warn!(
            agent,
            corrected = told.len(),
            "an agent is told of the newest {CORRECTIONS_MAX} of its corrected stops only"
        );
        told.truncate(CORRECTIONS_MAX);
    }
    Ok(Corrections { revision, stops: told })
}

/// None of a stop, or a part, of which nothing that counts was said at central.
fn told(machine: &Name, stop: &Stop) -> Option<CorrectedStop> {
    let made_by = split_by(stop);
    let split = made_by.filter(|_| stop.stop < 0).and_then(|entry| {
        let by = entry.entered_by_name.clone().or(entry.entered_by.clone())?;
        Some(SaidAtCentral { by, at: micros(entry.at) })
    });
    let reason = stop.reason.as_ref().and_then(|reason| {
        Some(GivenReason {
            code: reason.code.clone(),
            title: reason.title.clone().unwrap_or_else(|| reason.code.clone()),
            why: reason.why.clone(),
            said: said(&reason.said)?,
        })
    });
    // As it was said, and not as far as it lies within the stop: the agent knows its part by this time.
    let began_at = made_by.and_then(|entry| entry.split_from).unwrap_or(stop.began_at);
    (reason.is_some() || split.is_some()).then(|| CorrectedStop {
        machine: machine.clone(),
        stop: stop.stop,
        began_at: micros(began_at),
        reason,
        split,
    })
}

fn split_by(stop: &Stop) -> Option<&Entry> {
    stop.history.iter().flatten().find(|entry| entry.change == "split" && entry.new_stop == Some(stop.stop))
}

/// None when it was not said at central.
fn said(saying: &Saying) -> Option<SaidAtCentral> {
    let by = saying.entered_by.as_ref()?;
    Some(SaidAtCentral { by: saying.entered_by_name.as_ref().unwrap_or(by).clone(), at: micros(saying.at) })
}

fn micros(at: DateTime<Utc>) -> UtcMicros {
    UtcMicros(at.timestamp_micros())
}
