//! Messages that were not understood, kept for a person to look at: `mqtt-<source>-poison.jsonl` in the agent's folder.
//!
//! One JSON object per line, newest last: when, topic, reason, size, and the beginning of the payload. At
//! [`FILE_BYTES_MAX`] the file becomes `….jsonl.1`, replacing the one before, so that a flood costs a bounded place. Not
//! being able to write it is logged and stops nothing: the message was not going to become an event.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};
use data_encoding::BASE64;
use protocol::id::Name;
use protocol::time::UtcMicros;
use serde::{Deserialize, Serialize};

/// One file; there are at most two.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Of a payload this much is kept.
pub const EXCERPT_BYTES_MAX: usize = 2 * 1024;
const TOPIC_BYTES_MAX: usize = 512;

/// One message that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoisonRecord {
    /// RFC 3339, UTC.
    pub at: String,
    pub topic: String,
    pub reason: String,
    /// Of the whole payload, or of the packet where it was not read to its end.
    pub bytes: usize,
    /// The beginning of the payload, where it is text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
    /// The beginning of the payload, where it is not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base64: Option<String>,
}

impl PoisonRecord {
    #[must_use]
    pub fn new(at: UtcMicros, topic: &str, reason: &str, payload: &[u8], bytes: usize) -> PoisonRecord {
        let excerpt = payload.get(..EXCERPT_BYTES_MAX).unwrap_or(payload);
        let text = match std::str::from_utf8(excerpt) {
            Ok(text) => Some(text.to_owned()),
            // A character that the cut went through is no reason to show the rest as base64.
            Err(error) if error.error_len().is_none() && excerpt.len() < payload.len() => {
                Some(String::from_utf8_lossy(&excerpt[..error.valid_up_to()]).into_owned())
            }
            Err(_) => None,
        };
        let at = DateTime::from_timestamp_micros(at.0).unwrap_or_default();
        PoisonRecord {
            at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
            topic: topic.chars().take(TOPIC_BYTES_MAX).collect(),
            reason: reason.to_owned(),
            bytes,
            base64: text.is_none().then(|| BASE64.encode(excerpt)),
            text,
        }
    }
}

/// Where a source's are kept.
#[derive(Debug, Clone)]
pub struct PoisonStore {
    file: PathBuf,
}

impl PoisonStore {
    #[must_use]
    pub fn new(data_dir: &Path, source: &Name) -> PoisonStore {
        PoisonStore { file: data_dir.join(format!("mqtt-{source}-poison.jsonl")) }
    }

    /// Adds a record. Blocking: a short append, without waiting for the disk.
    pub fn append(&self, record: &PoisonRecord) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let length = std::fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        if length + line.len() as u64 > FILE_BYTES_MAX {
            std::fs::rename(&self.file, self.rotated())?;
        }
        std::fs::OpenOptions::new().create(true).append(true).open(&self.file)?.write_all(&line)
    }

    /// The newest records, newest first. Lines that are cut or foreign are left out.
    pub fn newest(&self, count_max: usize) -> std::io::Result<Vec<PoisonRecord>> {
        let mut records = Vec::new();
        for file in [self.rotated(), self.file.clone()] {
            match std::fs::read_to_string(&file) {
                Ok(text) => records.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        records.reverse();
        records.truncate(count_max);
        Ok(records)
    }

    fn rotated(&self) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(".1");
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &tempfile::TempDir) -> PoisonStore {
        PoisonStore::new(folder.path(), &Name::new("broker").unwrap())
    }

    #[test]
    fn records_come_back_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for text in ["one", "two"] {
            store.append(&PoisonRecord::new(UtcMicros(0), "a/b", "not JSON", text.as_bytes(), 3)).unwrap();
        }
        let texts: Vec<_> = store.newest(10).unwrap().into_iter().map(|record| record.text.unwrap()).collect();
        assert_eq!(texts, ["two", "one"]);
        assert_eq!(store.newest(1).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_text_is_kept_as_base64_and_long_payloads_are_cut() {
        let binary = PoisonRecord::new(UtcMicros(0), "a", "r", &[0xff, 0xfe], 2);
        assert_eq!(binary.base64.as_deref(), Some("//4="));
        let long = "ü".repeat(EXCERPT_BYTES_MAX);
        let cut = PoisonRecord::new(UtcMicros(0), "a", "r", &long.as_bytes()[..long.len() - 1], long.len());
        assert!(cut.text.unwrap().len() <= EXCERPT_BYTES_MAX);
        let odd = format!("x{long}");
        assert!(PoisonRecord::new(UtcMicros(0), "a", "r", odd.as_bytes(), odd.len()).text.is_some());
    }

    #[test]
    fn a_flood_takes_a_bounded_place() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let record = PoisonRecord::new(UtcMicros(0), "a", "r", &[b'x'; EXCERPT_BYTES_MAX], EXCERPT_BYTES_MAX);
        for _ in 0..1_500 {
            store.append(&record).unwrap();
        }
        let bytes: u64 =
            std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes <= 2 * FILE_BYTES_MAX, "{bytes}");
    }
}
