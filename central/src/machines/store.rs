//! `machines`, `stations`, `machine_states` and `machine_live`.

use std::collections::HashMap;

use protocol::batch::OriginKind;
use protocol::event::{MachineState, StateChange};
use protocol::time::UtcMicros;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY machine_states (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, state, \
                    source_code, reason) FROM STDIN (FORMAT binary)";

/// State changes on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, machine: i32, change: &StateChange) {
        let rows = &mut self.copy;
        rows.row(11);
        rows.machine_head(head, machine);
        rows.word(change.state.as_str());
        rows.optional(change.source_code.as_deref(), CopyRows::text);
        rows.optional(change.reason.as_deref(), CopyRows::text);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}

/// A machine or station by the name its agents use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceName {
    pub kind: OriginKindOrd,
    pub plant_id: i32,
    pub name: String,
}

/// [`OriginKind`] of what has a row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OriginKindOrd {
    Machine,
    Station,
}

impl OriginKindOrd {
    #[must_use]
    pub fn of(kind: OriginKind) -> Option<OriginKindOrd> {
        match kind {
            OriginKind::Machine => Some(OriginKindOrd::Machine),
            OriginKind::Station => Some(OriginKindOrd::Station),
            OriginKind::Agent => None,
        }
    }
}

/// Its id, and the agent that may report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub id: i32,
    pub agent_id: i32,
}

/// Finds places; those that nobody has named before are registered as the asking agent's.
pub async fn find_or_register(
    connection: &mut PgConnection,
    wanted: &[(PlaceName, i32)],
) -> sqlx::Result<HashMap<PlaceName, Place>> {
    let mut found = HashMap::new();
    for kind in [OriginKindOrd::Machine, OriginKindOrd::Station] {
        let of_kind: Vec<_> = wanted.iter().filter(|(name, _)| name.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        find(connection, kind, &of_kind, &mut found).await?;
        let mut missing: Vec<_> = of_kind.into_iter().filter(|(name, _)| !found.contains_key(name)).collect();
        if missing.is_empty() {
            continue;
        }
        // In one order everywhere, so that two groups never wait for each other in a circle.
        missing.sort();
        missing.dedup_by(|a, b| a.0 == b.0);
        register(connection, kind, &missing).await?;
        find(connection, kind, &missing, &mut found).await?;
    }
    Ok(found)
}

async fn find(
    connection: &mut PgConnection,
    kind: OriginKindOrd,
    wanted: &[&(PlaceName, i32)],
    found: &mut HashMap<PlaceName, Place>,
) -> sqlx::Result<()> {
    let query = match kind {
        OriginKindOrd::Machine => {
            "SELECT t.id, t.plant_id, t.name, t.agent_id FROM machines t
             JOIN (SELECT DISTINCT * FROM unnest($1::int[], $2::text[])) w(plant_id, name) USING (plant_id, name)"
        }
        OriginKindOrd::Station => {
            "SELECT t.id, t.plant_id, t.name, t.agent_id FROM stations t
             JOIN (SELECT DISTINCT * FROM unnest($1::int[], $2::text[])) w(plant_id, name) USING (plant_id, name)"
        }
    };
    let rows = sqlx::query(query)
        .bind(wanted.iter().map(|(name, _)| name.plant_id).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(name, _)| name.name.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    for row in rows {
        let name = PlaceName { kind, plant_id: row.try_get(1)?, name: row.try_get(2)? };
        found.insert(name, Place { id: row.try_get(0)?, agent_id: row.try_get(3)? });
    }
    Ok(())
}

async fn register(
    connection: &mut PgConnection,
    kind: OriginKindOrd,
    missing: &[&(PlaceName, i32)],
) -> sqlx::Result<()> {
    let query = match kind {
        OriginKindOrd::Machine => {
            "INSERT INTO machines (plant_id, name, agent_id) SELECT * FROM unnest($1::int[], $2::text[], $3::int[])
             ON CONFLICT (plant_id, name) DO NOTHING"
        }
        OriginKindOrd::Station => {
            "INSERT INTO stations (plant_id, name, agent_id) SELECT * FROM unnest($1::int[], $2::text[], $3::int[])
             ON CONFLICT (plant_id, name) DO NOTHING"
        }
    };
    sqlx::query(query)
        .bind(missing.iter().map(|(name, _)| name.plant_id).collect::<Vec<_>>())
        .bind(missing.iter().map(|(name, _)| name.name.as_str()).collect::<Vec<_>>())
        .bind(missing.iter().map(|(_, agent)| *agent).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    for (name, agent) in missing {
        tracing::info!(?kind, plant = name.plant_id, name = name.name, agent, "registered on first sight");
    }
    Ok(())
}

/// How a machine stands, as its agent says.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub machine_id: i32,
    pub plant_id: i32,
    pub agent_id: i32,
    pub state: MachineState,
    pub state_since: UtcMicros,
    pub good: i64,
    pub scrap: i64,
    pub rework: i64,
    pub last_reading_at: Option<UtcMicros>,
    pub reported_at: UtcMicros,
}

/// Overwrites how machines stand. `live` names no machine twice.
pub async fn write_live(connection: &mut PgConnection, mut live: Vec<Live>) -> sqlx::Result<()> {
    if live.is_empty() {
        return Ok(());
    }
    live.sort_by_key(|live| live.machine_id);
    sqlx::query(
        "INSERT INTO machine_live (machine_id, plant_id, agent_id, state, state_since, good, scrap, rework,
                                   last_reading_at, reported_at)
         SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::timestamptz[], $6::bigint[],
                              $7::bigint[], $8::bigint[], $9::timestamptz[], $10::timestamptz[])
         ON CONFLICT (machine_id) DO UPDATE
         SET agent_id = excluded.agent_id, state = excluded.state, state_since = excluded.state_since,
             good = excluded.good, scrap = excluded.scrap, rework = excluded.rework,
             last_reading_at = excluded.last_reading_at, reported_at = excluded.reported_at",
    )
    .bind(live.iter().map(|live| live.machine_id).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.plant_id).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.agent_id).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.state.as_str()).collect::<Vec<_>>())
    .bind(live.iter().map(|live| timestamp(live.state_since)).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.good).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.scrap).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.rework).collect::<Vec<_>>())
    .bind(live.iter().map(|live| live.last_reading_at.map(timestamp)).collect::<Vec<_>>())
    .bind(live.iter().map(|live| timestamp(live.reported_at)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A moment that PostgreSQL can hold: an agent's clock may say anything.
fn timestamp(at: UtcMicros) -> DateTime<Utc> {
    const YEAR_0: i64 = -62_167_219_200_000_000;
    const YEAR_9999: i64 = 253_402_300_799_000_000;
    DateTime::from_timestamp_micros(at.0.clamp(YEAR_0, YEAR_9999)).unwrap_or_default()
}
