//! Releasing what was set aside: quarantined events become facts when a person says so. It takes as many transactions as
//! there are pieces, each with its row in the audit log: what was released before a failure is released and on record, and
//! doing it again goes on with the rest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use process::clock::Clock;
use protocol::batch::OriginKind;
use protocol::event::{KindTag, RawEvent};
use protocol::id::{OriginId, Seq};
use protocol::time::{Monotonic, UtcMicros};
use sqlx::{PgConnection, PgPool};

use crate::auth::audit::{self, Actor, Entry};
use crate::downtime::correction::store::tell_agents;
use crate::fact::PlantCalendar;
use crate::machines::store::{self as machines, OriginKindOrd, PlaceName};
use crate::plants;
use crate::sync::facts::{Facts, Limits, Origin, Place, Source};
use crate::sync::store::{self, Held};

/// Events released in one transaction.
const PIECE: i64 = 5_000;

/// What came of a release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Released {
    /// Events that are facts from here on.
    pub facts: u64,
    /// Events whose reason still holds.
    pub held: u64,
}

/// Which events to release.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub plant_id: i32,
    /// A word of `quarantined_events.reason`; none for every reason.
    pub reason: Option<String>,
    /// Name of a machine or station; none for all.
    pub origin: Option<String>,
}

/// Releases what is selected and is right by now: its time has come, its machine is its agent's. The rest stays.
pub async fn release(
    pool: &PgPool,
    clock: &Arc<dyn Clock>,
    future_tolerance: Duration,
    selection: &Selection,
    by: &Actor<'_>,
) -> sqlx::Result<Released> {
    let mut released = Released::default();
    let mut after = 0;
    loop {
        let mut transaction = pool.begin().await?;
        let held = store::held(&mut transaction, selection, after, PIECE).await?;
        let Some(last) = held.last() else { return Ok(released) };
        after = last.id;
        let limits = Limits {
            now: clock.wall(),
            future_us: i64::try_from(future_tolerance.as_micros()).unwrap_or(i64::MAX),
            closed_months: Default::default(),
        };
        let at = limits.now;
        let piece = Box::pin(release_piece(&mut transaction, &held, limits)).await?;
        if piece.facts > 0 {
            record(&mut transaction, (moment(at), by), selection, piece).await?;
        }
        transaction.commit().await?;
        released.facts += piece.facts;
        released.held += piece.held;
    }
}

async fn record(
    connection: &mut PgConnection,
    (at, by): (DateTime<Utc>, &Actor<'_>),
    selection: &Selection,
    released: Released,
) -> sqlx::Result<()> {
    let plant = plants::store::name_of(connection, selection.plant_id).await?;
    let entry = Entry {
        action: "quarantine.release",
        subject_kind: "quarantine",
        subject_id: plant,
        plant_id: Some(selection.plant_id),
        detail: serde_json::json!({
            "reason": selection.reason, "origin": selection.origin, "facts": released.facts, "held": released.held,
        }),
    };
    audit::record(connection, at, by, &entry).await
}

fn moment(at: UtcMicros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap_or_default()
}

async fn release_piece(connection: &mut PgConnection, held: &[Held], mut limits: Limits) -> sqlx::Result<Released> {
    let places = places(connection, held).await?;
    // Which of them are right by now shows when each is built alone.
    let single = |held: &Held, limits: &Limits| {
        let mut facts = Facts::default();
        add(&mut facts, held, &places, limits);
        facts
    };
    let right = |limits: &Limits| -> Vec<&Held> {
        held.iter().filter(|held| single(held, limits).quarantined_count() == 0).collect()
    };
    let mut chosen = right(&limits);
    let mut facts = Facts::default();
    for held in &chosen {
        add(&mut facts, held, &places, &limits);
    }
    let months: Vec<_> = facts.months().into_iter().collect();
    limits.closed_months = store::prepare_facts(connection, &months).await?;
    if !limits.closed_months.is_empty() {
        chosen = right(&limits);
        facts = Facts::default();
        for held in &chosen {
            add(&mut facts, held, &places, &limits);
        }
    }
    facts.write(connection).await?;
    let ids: Vec<i64> = chosen.iter().map(|held| held.id).collect();
    store::mark_released(connection, &ids, limits.now).await?;
    Ok(Released { facts: ids.len() as u64, held: (held.len() - ids.len()) as u64 })
}

async fn places(connection: &mut PgConnection, held: &[Held]) -> sqlx::Result<HashMap<PlaceName, machines::Place>> {
    let wanted: Vec<_> = held
        .iter()
        .filter_map(|held| {
            let kind = OriginKindOrd::of(held.origin_kind?)?;
            Some((PlaceName { kind, plant_id: held.plant_id, name: held.origin_name.clone() }, held.agent_id))
        })
        .collect();
    machines::find_or_register(connection, &wanted).await
}

fn add(facts: &mut Facts, held: &Held, places: &HashMap<PlaceName, machines::Place>, limits: &Limits) {
    let origin = held.origin_kind.map(|origin_kind| {
        let name = held.origin_name.clone();
        let kind = OriginKindOrd::of(origin_kind);
        let found = kind.and_then(|kind| places.get(&PlaceName { kind, plant_id: held.plant_id, name: name.clone() }));
        let place = match (origin_kind, found) {
            (OriginKind::Agent, _) => Place::Agent,
            (OriginKind::Machine, Some(place)) if place.agent_id == held.agent_id => Place::Machine(place.id),
            (OriginKind::Station, Some(place)) if place.agent_id == held.agent_id => Place::Station(place.id),
            _ => Place::Foreign,
        };
        (OriginId(0), Origin { kind: origin_kind, name, place })
    });
    let mut source = Source {
        plant_id: held.plant_id,
        agent_id: held.agent_id,
        epoch: held.epoch,
        calendar: PlantCalendar::new(&held.time_zone),
        origins: origin.into_iter().collect(),
    };
    let event = RawEvent {
        at: UtcMicros(held.at_us),
        clock: store::clock_of_code(held.clock),
        monotonic: Monotonic {
            boot: u32::try_from(held.monotonic_boot).unwrap_or(0),
            us: u64::try_from(held.monotonic_us).unwrap_or(0),
        },
        origin: OriginId(0),
        kind: KindTag(u16::try_from(held.kind).unwrap_or(u16::MAX)),
        body: held.body.clone(),
    };
    facts.add(&mut source, limits, Seq(u64::try_from(held.seq).unwrap_or(0)), &event);
}

/// Gives a machine to another agent of its plant, and releases what that agent has reported of it so far.
pub async fn transfer_machine(
    pool: &PgPool,
    clock: &Arc<dyn Clock>,
    future_tolerance: Duration,
    (machine, to_agent): (i32, i32),
    by: &Actor<'_>,
) -> anyhow::Result<Released> {
    let mut transaction = pool.begin().await?;
    let Some(done) = store::transfer_machine(&mut transaction, machine, to_agent).await? else {
        anyhow::bail!("machine {machine} and agent {to_agent} are not both of one plant: nothing was transferred");
    };
    let entry = Entry {
        action: "machine.transfer",
        subject_kind: "machine",
        subject_id: format!("{}/{}", done.plant, done.machine),
        plant_id: Some(done.plant_id),
        detail: serde_json::json!({ "from": done.from, "to": done.to }),
    };
    audit::record(&mut transaction, moment(clock.wall()), by, &entry).await?;
    // An agent is told of its own machines only.
    tell_agents(&mut transaction, &[done.from_agent, to_agent]).await?;
    transaction.commit().await?;
    let reason = Some("machine_of_another_agent".to_owned());
    let selection = Selection { plant_id: done.plant_id, reason, origin: Some(done.machine) };
    Ok(release(pool, clock, future_tolerance, &selection, by).await?)
}
