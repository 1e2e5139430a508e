//! `gaps`.

use protocol::event::{Gap, GapCause};
use protocol::time::UtcMicros;
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY gaps (at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock, cause, \
                    subject, lost, gap_from, gap_to, text) FROM STDIN (FORMAT binary)";

/// Gaps on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, gap: &Gap) {
        let cause = match gap.cause {
            GapCause::BufferFull => "buffer_full",
            GapCause::BufferCorrupt => "buffer_corrupt",
            GapCause::BrokerSessionLost => "broker_session_lost",
            GapCause::SourceSequence => "source_sequence",
        };
        self.row(head, cause, &gap.subject, gap.lost, (gap.from, gap.to), &gap.text);
    }

    /// Events of an agent that central had acknowledged and has no more. `head.seq` is the first of them.
    pub fn push_central_restored(&mut self, head: &Head, lost: u64, between: (UtcMicros, UtcMicros), text: &str) {
        self.row(head, "central_restored", "central", Some(lost), between, text);
    }

    fn row(
        &mut self,
        head: &Head,
        cause: &'static str,
        subject: &str,
        lost: Option<u64>,
        (from, to): (UtcMicros, UtcMicros),
        text: &str,
    ) {
        let rows = &mut self.copy;
        rows.row(15);
        rows.place_head(head);
        rows.word(cause);
        rows.text(subject);
        rows.optional(lost.map(|lost| i64::try_from(lost).unwrap_or(i64::MAX)), CopyRows::bigint);
        rows.timestamptz(from);
        rows.timestamptz(to);
        rows.text(text);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
