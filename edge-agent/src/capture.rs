//! Where readings become durable events. One task owns the signal engine; sources reach it through a [`CaptureSender`].
//!
//! The order of submissions is the order of events. A submission is answered after the commit that holds its events, the
//! signal state they led to, and its receipt: all three or none. While the disk refuses, nothing is answered and the
//! channel fills, so that sources hold back; nothing is dropped here.

use protocol::id::Name;
use tokio::sync::{mpsc, oneshot};

use crate::reading::Item;

/// Submissions waiting for the engine.
pub const SUBMISSIONS_MAX: usize = 1_024;

/// What a source wants stored, together.
#[derive(Debug)]
pub struct Submission {
    pub items: Vec<Item>,
    /// Proof, for a source that may deliver again, that this was stored.
    pub receipt: Option<Receipt>,
    pub stored: oneshot::Sender<()>,
}

/// Committed with the events of a delivery, so that the same delivery, come again because its acknowledgement did not get
/// out, is recognised. One per `(source, key)`: a new one replaces the old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub source: Name,
    /// A place in the source's own ring of receipts, which bounds how many are kept.
    pub key: u32,
    /// Rises with every receipt of the source.
    pub serial: u64,
    /// Hash of what was delivered.
    pub digest: [u8; 16],
}

#[derive(Debug, Clone)]
pub struct CaptureSender(mpsc::Sender<Submission>);

/// The agent is stopping: nothing more is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the agent is stopping")]
pub struct Stopping;

impl CaptureSender {
    #[must_use]
    pub fn channel() -> (CaptureSender, mpsc::Receiver<Submission>) {
        let (sender, receiver) = mpsc::channel(SUBMISSIONS_MAX);
        (CaptureSender(sender), receiver)
    }

    /// Queues a submission, waiting while the queue is full. The receiver resolves once it is durable; it fails only when
    /// the agent stops before.
    pub async fn queue(&self, items: Vec<Item>, receipt: Option<Receipt>) -> Result<oneshot::Receiver<()>, Stopping> {
        let (stored, receiver) = oneshot::channel();
        self.0.send(Submission { items, receipt, stored }).await.map_err(|_| Stopping)?;
        Ok(receiver)
    }

    /// Queues a submission and waits until it is durable.
    pub async fn store(&self, items: Vec<Item>, receipt: Option<Receipt>) -> Result<(), Stopping> {
        self.queue(items, receipt).await?.await.map_err(|_| Stopping)
    }
}
