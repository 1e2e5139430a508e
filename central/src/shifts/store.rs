//! `shift_log`.

use protocol::event::ShiftLogEntry;
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY shift_log (at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock, \
                    entry, operator, note) FROM STDIN (FORMAT binary)";

/// Entries on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, entry: &ShiftLogEntry) {
        let rows = &mut self.copy;
        rows.row(12);
        rows.place_head(head);
        let (word, operator, note) = match entry {
            ShiftLogEntry::OperatorOn { operator } => ("operator_on", Some(operator), None),
            ShiftLogEntry::OperatorOff { operator } => ("operator_off", Some(operator), None),
            ShiftLogEntry::Note { operator, note } => ("note", operator.as_ref(), Some(note)),
        };
        rows.word(word);
        rows.optional(operator, |rows, text| rows.text(text));
        rows.optional(note, |rows, text| rows.text(text));
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
