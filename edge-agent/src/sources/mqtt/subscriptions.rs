//! What the broker's session is subscribed to, as far as the agent knows: `mqtt-<source>-subscriptions.json`.
//!
//! A persistent session keeps its subscriptions. When a filter leaves the configuration, the broker has to be told, or it
//! goes on sending. The file lists everything that may be subscribed to: it is written before a filter is added and after
//! one is removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use protocol::id::Name;

#[derive(Debug)]
pub(super) struct Subscriptions {
    file: PathBuf,
    wanted: BTreeSet<String>,
}

impl Subscriptions {
    pub(super) fn new(data_dir: &Path, source: &Name, wanted: BTreeSet<String>) -> Subscriptions {
        Subscriptions { file: data_dir.join(format!("mqtt-{source}-subscriptions.json")), wanted }
    }

    pub(super) fn wanted(&self) -> Vec<String> {
        self.wanted.iter().cloned().collect()
    }

    /// Filters the broker may still have and nobody wants. From here on the file lists them and the wanted ones.
    pub(super) async fn begin(&self) -> Vec<String> {
        let text = tokio::fs::read_to_string(&self.file).await.unwrap_or_default();
        let former: BTreeSet<String> = serde_json::from_str(&text).unwrap_or_default();
        if !former.is_superset(&self.wanted) {
            self.write(&former.union(&self.wanted).collect()).await;
        }
        former.difference(&self.wanted).cloned().collect()
    }

    /// The broker has taken over what is wanted.
    pub(super) async fn done(&self) {
        self.write(&self.wanted.iter().collect()).await;
    }

    async fn write(&self, filters: &BTreeSet<&String>) {
        let written = match serde_json::to_vec(filters) {
            Ok(text) => tokio::fs::write(&self.file, text).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = written {
            tracing::warn!(file = %self.file.display(), %error, "cannot note the subscriptions");
        }
    }
}
