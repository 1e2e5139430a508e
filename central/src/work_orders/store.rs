//! `job_log`.

use protocol::event::{JobAction, JobEntry};
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY job_log (at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock, action, \
                    work_order, operator) FROM STDIN (FORMAT binary)";

/// Entries on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, job: &JobEntry) {
        let rows = &mut self.copy;
        rows.row(12);
        rows.place_head(head);
        rows.word(match job.action {
            JobAction::Start => "start",
            JobAction::Pause => "pause",
            JobAction::Finish => "finish",
            JobAction::Switch => "switch",
        });
        rows.text(&job.work_order);
        rows.optional(job.operator.as_deref(), CopyRows::text);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
