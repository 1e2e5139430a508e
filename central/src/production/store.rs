//! `production_logs`, its daily summary, and `piece_entries`.

use std::collections::BTreeMap;

use protocol::event::{Count, CountBasis, PieceEntry, PieceQuality};
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::{Head, date_of};

const COPY: &str = "COPY production_logs (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, signal, \
                    quality, delta, raw, basis) FROM STDIN (FORMAT binary)";

const COPY_ENTRIES: &str = "COPY piece_entries (at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock, entry, \
                            good, scrap, rework, counted_as_good, takes_back, reason, work_order, operator) \
                            FROM STDIN (FORMAT binary)";

/// The signal of pieces that no machine counted.
const ENTRY_SIGNAL: &str = "entry";

/// More pieces than this between two readings are no production: such an event is set aside.
pub const DELTA_MAX: u64 = 1_000_000_000_000;

/// Counts on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
    pub entries: CopyRows,
    /// Good, scrap and rework by plant, machine and plant day.
    days: BTreeMap<(i32, i32, i32), [i64; 3]>,
}

impl Rows {
    pub fn push(&mut self, head: &Head, machine: i32, count: &Count) {
        let basis = match count.basis {
            CountBasis::Increase => "increase",
            CountBasis::Rollover => "rollover",
            CountBasis::Reset => "reset",
            CountBasis::Baseline => "baseline",
            CountBasis::Delta => "delta",
            CountBasis::Entry => "entry",
        };
        self.push_row(head, machine, &count.signal, count.quality, count.delta, count.raw, basis);
    }

    pub fn push_entry(&mut self, head: &Head, machine: i32, entry: &PieceEntry) {
        let rows = &mut self.entries;
        rows.row(17);
        rows.machine_head(head, machine);
        rows.uuid(entry.id);
        rows.bigint(entry.good.into());
        rows.bigint(entry.scrap.into());
        rows.bigint(entry.rework.into());
        rows.boolean(entry.counted_as_good);
        rows.boolean(entry.takes_back);
        rows.optional(entry.reason.as_deref(), CopyRows::text);
        rows.optional(entry.work_order.as_deref(), CopyRows::text);
        rows.optional(entry.operator.as_deref(), CopyRows::text);
        for (quality, delta) in
            [PieceQuality::Good, PieceQuality::Scrap, PieceQuality::Rework].into_iter().zip(entry.deltas())
        {
            if delta != 0 {
                self.push_row(head, machine, ENTRY_SIGNAL, quality, delta, None, "entry");
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of a row")]
    fn push_row(
        &mut self,
        head: &Head,
        machine: i32,
        signal: &str,
        quality: PieceQuality,
        delta: i64,
        raw: Option<i64>,
        basis: &'static str,
    ) {
        let rows = &mut self.copy;
        rows.row(13);
        rows.machine_head(head, machine);
        rows.text(signal);
        let (quality, column) = match quality {
            PieceQuality::Good => ("good", 0),
            PieceQuality::Scrap => ("scrap", 1),
            PieceQuality::Rework => ("rework", 2),
        };
        rows.word(quality);
        rows.bigint(delta);
        rows.optional(raw, CopyRows::bigint);
        rows.word(basis);
        // Bounded by DELTA_MAX times the events of a group.
        self.days.entry((head.plant_id, machine, head.plant_day)).or_default()[column] += delta;
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.entries.write(connection, COPY_ENTRIES).await?;
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
