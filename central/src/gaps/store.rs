//! `gaps`.

use protocol::event::{Gap, GapCause};
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
        let rows = &mut self.copy;
        rows.row(15);
        rows.place_head(head);
        rows.word(match gap.cause {
            GapCause::BufferFull => "buffer_full",
            GapCause::BufferCorrupt => "buffer_corrupt",
            GapCause::BrokerSessionLost => "broker_session_lost",
            GapCause::SourceSequence => "source_sequence",
        });
        rows.text(&gap.subject);
        rows.optional(gap.lost.map(|lost| i64::try_from(lost).unwrap_or(i64::MAX)), CopyRows::bigint);
        rows.timestamptz(gap.from);
        rows.timestamptz(gap.to);
        rows.text(&gap.text);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
