//! What the database holds, asked directly: the truth that everything else must agree with.

use sqlx::{AssertSqlSafe, PgPool};

/// Questions to central's database.
#[derive(Debug, Clone)]
pub struct Truth {
    pub pool: PgPool,
}

/// Tables that hold one row for every event of their kinds.
const ONE_ROW_PER_EVENT: [&str; 10] = [
    "production_logs",
    "machine_states",
    "scans",
    "measurements",
    "job_log",
    "shift_log",
    "alarms",
    "gaps",
    "raw_events",
    "quarantined_events",
];

impl Truth {
    #[must_use]
    pub fn of(pool: PgPool) -> Truth {
        Truth { pool }
    }

    /// One number.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.pool).await?)
    }

    /// Changes something.
    pub async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await?;
        Ok(())
    }

    /// Good pieces of a machine, from the facts.
    pub async fn pieces(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT coalesce(sum(p.delta), 0)::bigint FROM production_logs p
                   JOIN machines m ON m.id = p.machine_id WHERE m.name = $1 AND p.quality = 'good'";
        Ok(sqlx::query_scalar(sql).bind(machine).fetch_one(&self.pool).await?)
    }

    /// Good pieces of a machine, from the daily summary.
    pub async fn pieces_in_summary(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT coalesce(sum(s.good), 0)::bigint FROM daily_production_summary s
                   JOIN machines m ON m.id = s.machine_id WHERE m.name = $1";
        Ok(sqlx::query_scalar(sql).bind(machine).fetch_one(&self.pool).await?)
    }

    /// Stops of a machine that have begun.
    pub async fn stops(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT coalesce(sum(d.began), 0)::bigint FROM downtime_tracking d
                   JOIN machines m ON m.id = d.machine_id WHERE m.name = $1";
        Ok(sqlx::query_scalar(sql).bind(machine).fetch_one(&self.pool).await?)
    }

    /// Central's mark of an agent, and how many facts there are of it, each (epoch, sequence) counted as often as it is
    /// there.
    pub async fn mark(&self, agent: &str) -> anyhow::Result<i64> {
        let sql =
            "SELECT coalesce(max(l.mark), 0) FROM sync_ledger l JOIN agents a ON a.id = l.agent_id WHERE a.name = $1";
        Ok(sqlx::query_scalar(sql).bind(agent).fetch_one(&self.pool).await?)
    }

    /// Sequences that became facts more than once. Stops are left out: one row for each day they cover is right.
    pub async fn doubled(&self) -> anyhow::Result<i64> {
        let union = ONE_ROW_PER_EVENT
            .map(|table| format!("SELECT agent_id, epoch::int, seq FROM {table} WHERE seq IS NOT NULL"))
            .join(" UNION ALL ");
        let entries = "SELECT agent_id, epoch::int, seq FROM downtime_entries WHERE seq IS NOT NULL";
        self.number(&format!(
            "SELECT count(*) FROM (SELECT 1 FROM ({union} UNION ALL {entries}) all_facts
             GROUP BY agent_id, epoch, seq HAVING count(*) > 1) doubled"
        ))
        .await
    }

    /// Sequences at or below the mark of an agent in its first epoch that are nowhere.
    pub async fn missing(&self, agent: &str) -> anyhow::Result<i64> {
        let union =
            ONE_ROW_PER_EVENT.map(|table| format!("SELECT seq, agent_id, epoch::int FROM {table}")).join(" UNION ALL ");
        let sql = format!(
            "WITH known AS (SELECT l.agent_id, l.mark, l.epoch FROM sync_ledger l JOIN agents a ON a.id = l.agent_id
                            WHERE a.name = $1),
             facts AS (SELECT f.seq FROM ({union} UNION ALL SELECT seq, agent_id, epoch::int FROM downtime_entries) f
                       JOIN known k ON k.agent_id = f.agent_id AND k.epoch = f.epoch)
             SELECT count(*) FROM known, generate_series(1, known.mark) s(seq)
             WHERE NOT EXISTS (SELECT 1 FROM facts WHERE facts.seq = s.seq)"
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).bind(agent).fetch_one(&self.pool).await?)
    }

    /// Neighbouring counts of a machine whose order by sequence is not their order by time.
    pub async fn out_of_order(&self, machine: &str) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM (
                       SELECT at < lag(at) OVER (PARTITION BY epoch ORDER BY seq) AS back FROM production_logs p
                       JOIN machines m ON m.id = p.machine_id WHERE m.name = $1) o WHERE back";
        Ok(sqlx::query_scalar(sql).bind(machine).fetch_one(&self.pool).await?)
    }
}
