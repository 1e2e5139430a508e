//! SQL over all fact tables at once. It reads tables that other folders write: the one place that does, because a page of
//! a machine's events is one question over all of them.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::types::Json;

use super::cursor::Cursor;
use super::fact::{Content, Fact, Kind, RecordedBy};

/// Which of a machine's facts are asked for: `from <= at < to`, strictly after `after` in the order of [`Cursor`].
#[derive(Debug, Clone)]
pub struct Span {
    pub machine_id: i32,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub kinds: Vec<Kind>,
    pub after: Option<Cursor>,
    pub limit: i64,
}

#[derive(Debug, sqlx::FromRow)]
struct FactRow {
    at: DateTime<Utc>,
    rank: i32,
    agent_id: i32,
    agent: String,
    epoch: Option<i32>,
    seq: Option<i64>,
    clock: String,
    content: Json<Content>,
}

/// Newest first, with the place of each. Every table gives at most a page of its own; the newest of them all are the
/// page.
pub async fn facts(pool: &PgPool, span: &Span) -> Result<Vec<(Cursor, Fact)>, sqlx::Error> {
    let ranks: Vec<i32> = span.kinds.iter().map(|kind| kind.rank()).collect();
    let after = span.after;
    let rows: Vec<FactRow> = sqlx::query_as(FACTS)
        .bind(span.machine_id)
        .bind(span.from)
        .bind(span.to)
        .bind(ranks)
        .bind(after.map(|cursor| cursor.at))
        .bind(after.map(|cursor| cursor.kind.rank()))
        .bind(after.map(|cursor| cursor.agent_id))
        .bind(after.map(|cursor| cursor.epoch))
        .bind(after.map(|cursor| cursor.seq))
        .bind(span.limit)
        .fetch_all(pool)
        .await?;
    let facts = rows.into_iter().filter_map(|row| {
        let kind = Kind::from_rank(row.rank)?;
        let (epoch, seq) = (row.epoch.unwrap_or(0), row.seq.unwrap_or(0));
        let cursor = Cursor { at: row.at, kind, agent_id: row.agent_id, epoch, seq };
        let fact = Fact {
            at: row.at,
            clock: row.clock,
            recorded_by: if row.seq.is_some() { RecordedBy::Agent } else { RecordedBy::Central },
            agent: row.agent,
            epoch: row.epoch,
            seq: row.seq,
            content: row.content.0,
        };
        Some((cursor, fact))
    });
    Ok(facts.collect())
}

/// A branch for each table, all of one shape. What follows `after` is said twice: `at <=` lets an index work.
macro_rules! branch {
    ($rank:literal, $table:literal, $content:literal) => {
        concat!(
            "(SELECT f.at, ",
            $rank,
            " AS rank, f.agent_id, f.epoch, f.seq, f.clock::text AS clock, \
              jsonb_build_object(",
            $content,
            ") AS content FROM ",
            $table,
            " f \
              WHERE f.machine_id = $1 AND f.at >= $2 AND f.at < $3 AND ",
            $rank,
            " = ANY ($4) \
              AND ($5::timestamptz IS NULL OR (f.at <= $5 AND (f.at < $5 OR \
                  (",
            $rank,
            ", f.agent_id, coalesce(f.epoch, 0), coalesce(f.seq, 0)) < ($6, $7, $8, $9)))) \
              ORDER BY f.at DESC, f.agent_id DESC, coalesce(f.epoch, 0) DESC, coalesce(f.seq, 0) DESC LIMIT $10)"
        )
    };
}

const FACTS: &str = concat!(
    "SELECT e.at, e.rank, e.agent_id, a.name AS agent, e.epoch, e.seq, e.clock, e.content FROM (",
    branch!(
        1,
        "production_logs",
        "'kind', 'count', 'signal', f.signal, 'quality', f.quality, 'delta', f.delta, 'raw', f.raw, 'basis', f.basis"
    ),
    " UNION ALL ",
    branch!(2, "machine_states", "'kind', 'state', 'state', f.state, 'source_code', f.source_code, 'reason', f.reason"),
    " UNION ALL ",
    branch!(
        3,
        "scans",
        "'kind', 'scan', 'source', f.source, 'text', f.text, 'raw', translate(encode(f.raw, 'base64'), E'\\n', ''), \
         'symbology', f.symbology, 'elements', f.elements, 'problem', f.problem"
    ),
    " UNION ALL ",
    branch!(
        4,
        "downtime_entries",
        "'kind', 'downtime', 'stop', f.stop, 'change', f.change, 'began_at', f.began_at, 'lasted_us', f.lasted_us, \
         'reason', f.reason, 'note', f.note, 'split_from', f.split_from, 'new_stop', f.new_stop, \
         'operator', f.operator, 'entered_by', f.entered_by, 'why', f.why"
    ),
    " UNION ALL ",
    branch!(5, "job_log", "'kind', 'job', 'action', f.action, 'work_order', f.work_order, 'operator', f.operator"),
    " UNION ALL ",
    branch!(6, "shift_log", "'kind', 'shift_log', 'entry', f.entry, 'operator', f.operator, 'note', f.note"),
    " UNION ALL ",
    branch!(
        7,
        "measurements",
        "'kind', 'measurement', 'signal', f.signal, 'number', f.number, 'text', f.text, 'bool', f.bool, \
         'unit', f.unit"
    ),
    " UNION ALL ",
    branch!(8, "alarms", "'kind', 'alarm', 'subject', f.subject, 'code', f.code, 'text', f.text, 'active', f.active"),
    " UNION ALL ",
    branch!(
        9,
        "gaps",
        "'kind', 'gap', 'cause', f.cause, 'subject', f.subject, 'lost', f.lost, 'from', f.gap_from, 'to', f.gap_to, \
         'text', f.text"
    ),
    " UNION ALL ",
    branch!(
        10,
        "piece_entries",
        "'kind', 'piece_entry', 'entry', f.entry, 'good', f.good, 'scrap', f.scrap, 'rework', f.rework, \
         'counted_as_good', f.counted_as_good, 'takes_back', f.takes_back, 'reason', f.reason, \
         'work_order', f.work_order, 'operator', f.operator"
    ),
    ") e JOIN agents a ON a.id = e.agent_id \
     ORDER BY e.at DESC, e.rank DESC, e.agent_id DESC, coalesce(e.epoch, 0) DESC, coalesce(e.seq, 0) DESC LIMIT $10"
);
