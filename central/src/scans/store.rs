//! `scans`.

use protocol::event::Scan;
use sqlx::PgConnection;

use crate::copy::CopyRows;
use crate::fact::Head;

const COPY: &str = "COPY scans (at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock, source, \
                    raw, text, symbology, elements, problem) FROM STDIN (FORMAT binary)";

/// Scans on their way into the database.
#[derive(Debug, Default)]
pub struct Rows {
    pub copy: CopyRows,
}

impl Rows {
    pub fn push(&mut self, head: &Head, scan: &Scan) {
        let rows = &mut self.copy;
        rows.row(15);
        rows.place_head(head);
        rows.text(&scan.source);
        rows.bytea(&scan.raw);
        rows.text(&String::from_utf8_lossy(&scan.raw).replace('\0', "\u{fffd}"));
        rows.optional(scan.symbology.as_deref(), CopyRows::text);
        let elements = serde_json::to_string(&scan.elements).unwrap_or_else(|_| "[]".to_owned());
        // A zero in a value is an escape here, which jsonb refuses as text does.
        rows.jsonb(&elements.replace("\\u0000", "\\ufffd"));
        rows.optional(scan.problem.as_deref(), CopyRows::text);
    }

    pub async fn write(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        self.copy.write(connection, COPY).await
    }
}
