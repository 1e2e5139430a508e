//! Rows in PostgreSQL's binary COPY format: the fastest way in, and the only one that facts take.
//!
//! Format: <https://www.postgresql.org/docs/current/sql-copy.html> "Binary Format". Every value is checked or cleaned as
//! it is written, so that one odd text does not sink the rows beside it.

use protocol::time::{ClockQuality, UtcMicros};
use sqlx::PgConnection;

use crate::fact::Head;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// 2000-01-01T00:00:00Z, where PostgreSQL counts from.
const EPOCH_US: i64 = 946_684_800_000_000;
/// What one `CopyData` message carries.
const CHUNK_BYTES: usize = 256 * 1024;

/// Rows of one table, encoded.
#[derive(Debug, Default)]
pub struct CopyRows {
    bytes: Vec<u8>,
    count: usize,
    cleaned: bool,
}

impl CopyRows {
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a text had to be changed since this was last asked.
    pub fn take_cleaned(&mut self) -> bool {
        std::mem::take(&mut self.cleaned)
    }

    /// Begins a row of `columns` values; as many calls below must follow.
    pub fn row(&mut self, columns: i16) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(SIGNATURE);
        }
        self.bytes.extend_from_slice(&columns.to_be_bytes());
        self.count += 1;
    }

    fn value(&mut self, bytes: &[u8]) {
        // Values are bounded by the wire's limits, far below i32::MAX.
        self.bytes.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    pub fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    pub fn smallint(&mut self, value: i16) {
        self.value(&value.to_be_bytes());
    }

    pub fn integer(&mut self, value: i32) {
        self.value(&value.to_be_bytes());
    }

    pub fn bigint(&mut self, value: i64) {
        self.value(&value.to_be_bytes());
    }

    pub fn uuid(&mut self, value: u128) {
        self.value(&value.to_be_bytes());
    }

    pub fn double(&mut self, value: f64) {
        self.value(&value.to_be_bytes());
    }

    pub fn boolean(&mut self, value: bool) {
        self.value(&[u8::from(value)]);
    }

    pub fn bytea(&mut self, value: &[u8]) {
        self.value(value);
    }

    /// PostgreSQL's text cannot hold a zero: it becomes U+FFFD, and [`CopyRows::take_cleaned`] says so.
    pub fn text(&mut self, value: &str) {
        if value.as_bytes().contains(&0) {
            self.cleaned = true;
            self.value(value.replace('\0', "\u{fffd}").as_bytes());
        } else {
            self.value(value.as_bytes());
        }
    }

    /// A word of one of the schema's enumerations.
    pub fn word(&mut self, value: &'static str) {
        self.value(value.as_bytes());
    }

    /// `value` must be JSON that PostgreSQL takes: no zero, escaped or not.
    pub fn jsonb(&mut self, value: &str) {
        self.bytes.extend_from_slice(&i32::try_from(value.len() + 1).unwrap_or(i32::MAX).to_be_bytes());
        self.bytes.push(1);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    pub fn timestamptz(&mut self, at: UtcMicros) {
        self.bigint(at.0.saturating_sub(EPOCH_US));
    }

    /// Days since 2000-01-01.
    pub fn date(&mut self, day: i32) {
        self.integer(day);
    }

    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut CopyRows, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    pub fn clock(&mut self, clock: ClockQuality) {
        self.word(match clock {
            ClockQuality::Synchronized => "synchronized",
            ClockQuality::Unverified => "unverified",
            ClockQuality::Wrong => "wrong",
            ClockQuality::Restamped => "restamped",
            ClockQuality::Source => "source",
        });
    }

    /// The 8 columns `at, plant_day, plant_id, machine_id, agent_id, epoch, seq, clock`.
    pub fn machine_head(&mut self, head: &Head, machine: i32) {
        self.timestamptz(head.at);
        self.date(head.plant_day);
        self.integer(head.plant_id);
        self.integer(machine);
        self.integer(head.agent_id);
        self.integer(head.epoch);
        self.bigint(head.seq);
        self.clock(head.clock);
    }

    /// The 9 columns `at, plant_day, plant_id, machine_id, station_id, agent_id, epoch, seq, clock`.
    pub fn place_head(&mut self, head: &Head) {
        self.timestamptz(head.at);
        self.date(head.plant_day);
        self.integer(head.plant_id);
        self.optional(head.machine_id, CopyRows::integer);
        self.optional(head.station_id, CopyRows::integer);
        self.integer(head.agent_id);
        self.integer(head.epoch);
        self.bigint(head.seq);
        self.clock(head.clock);
    }

    /// Sends the rows. `statement` is `COPY … FROM STDIN (FORMAT binary)`.
    pub async fn write(&self, connection: &mut PgConnection, statement: &'static str) -> sqlx::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut copy = connection.copy_in_raw(statement).await?;
        for chunk in self.bytes.chunks(CHUNK_BYTES) {
            copy.send(chunk).await?;
        }
        copy.send(&(-1_i16).to_be_bytes()[..]).await?;
        copy.finish().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_laid_out_as_postgresql_documents_it() {
        let mut rows = CopyRows::default();
        rows.row(4);
        rows.integer(7);
        rows.null();
        rows.text("a\0b");
        rows.jsonb("[]");
        let mut expected = SIGNATURE.to_vec();
        expected.extend_from_slice(&[0, 4, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255]);
        expected.extend_from_slice(&[0, 0, 0, 5, b'a', 0xef, 0xbf, 0xbd, b'b', 0, 0, 0, 3, 1, b'[', b']']);
        assert_eq!(rows.bytes, expected);
        assert!(rows.take_cleaned());
        assert!(!rows.take_cleaned());
    }

    #[test]
    fn times_count_from_2000() {
        let mut rows = CopyRows::default();
        rows.row(1);
        rows.timestamptz(UtcMicros(EPOCH_US + 1));
        assert_eq!(rows.bytes[rows.bytes.len() - 8..], 1_i64.to_be_bytes());
    }
}
