//! `measurements`.

use protocol::event::{MeasuredValue, Measurement};
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY measurements (at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock, \
                    signal, number, text, bool, unit) FROM STDIN (FORMAT binary)";

/// Measurements on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, measurement: &Measurement) {
        let rows = &mut self.copy;
        rows.row(14);
        rows.place_head(head);
        rows.text(&measurement.signal);
        let (number, text, bool) = match &measurement.value {
            MeasuredValue::Number(number) => (Some(*number), None, None),
            MeasuredValue::Text(text) => (None, Some(text.as_str()), None),
            MeasuredValue::Bool(bool) => (None, None, Some(*bool)),
        };
        rows.optional(number, CopyRows::double);
        rows.optional(text, CopyRows::text);
        rows.optional(bool, CopyRows::boolean);
        rows.optional(measurement.unit.as_deref(), CopyRows::text);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
