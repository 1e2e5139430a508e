//! `production_logs` and its daily summary.

use std::collections::BTreeMap;

use protocol::event::{Count, CountBasis, PieceQuality};
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::{Head, date_of};

const COPY: &str = "COPY production_logs (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, signal, \
                    quality, delta, raw, basis) FROM STDIN (FORMAT binary)";

/// More pieces than this between two readings are no production: such an event is set aside.
pub const DELTA_MAX: u64 = 1_000_000_000_000;

/// Counts on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
    /// Good, scrap and rework by plant, machine and plant day.
    days: BTreeMap<(i32, i32, i32), [i64; 3]>,
}

impl Rows {
    pub fn push(&mut self, head: &Head, machine: i32, count: &Count) {
        let rows = &mut self.copy;
        rows.row(13);
        rows.machine_head(head, machine);
        rows.text(&count.signal);
        let (quality, column) = match count.quality {
            PieceQuality::Good => ("good", 0),
            PieceQuality::Scrap => ("scrap", 1),
            PieceQuality::Rework => ("rework", 2),
        };
        rows.word(quality);
        rows.bigint(count.delta);
        rows.optional(count.raw, CopyRows::bigint);
        rows.word(match count.basis {
            CountBasis::Increase => "increase",
            CountBasis::Rollover => "rollover",
            CountBasis::Reset => "reset",
            CountBasis::Baseline => "baseline",
            CountBasis::Delta => "delta",
            CountBasis::Entry => "entry",
        });
        // Bounded by DELTA_MAX times the events of a group.
        self.days.entry((head.plant_id, machine, head.plant_day)).or_default()[column] += count.delta;
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        if self.copy.is_empty() {
            return Ok(());
        }
        self.copy.write(connection, COPY).await?;
        let keys: Vec<_> = self.days.keys().collect();
        let sums = |column: usize| self.days.values().map(|sums| sums[column]).collect::<Vec<i64>>();
        sqlx::query("SELECT roll_up_production($1, $2, $3, $4, $5, $6)")
            .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.1).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| date_of(key.2)).collect::<Vec<_>>())
            .bind(sums(0))
            .bind(sums(1))
            .bind(sums(2))
            .execute(connection)
            .await?;
        Ok(())
    }
}
