//! `alarms`.

use protocol::event::Alarm;
use protocol::time::{ClockQuality, UtcMicros};
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY alarms (at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock, subject, \
                    code, text, active) FROM STDIN (FORMAT binary)";

/// Alarms on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, alarm: &Alarm) {
        let rows = &mut self.copy;
        rows.row(13);
        rows.place_head(head);
        rows.text(&alarm.subject);
        rows.text(&alarm.code);
        rows.text(&alarm.text);
        rows.boolean(alarm.active);
    }

    /// An alarm of central's own, about an agent.
    pub fn raise(&mut self, at: UtcMicros, plant: (i32, i32), agent: (i32, &str), code: &'static str, text: &str) {
        let rows = &mut self.copy;
        rows.row(13);
        rows.timestamptz(at);
        rows.date(plant.1);
        rows.integer(plant.0);
        rows.null();
        rows.null();
        rows.integer(agent.0);
        rows.null();
        rows.null();
        rows.clock(ClockQuality::Synchronized);
        rows.text(agent.1);
        rows.word(code);
        rows.text(text);
        rows.boolean(true);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
