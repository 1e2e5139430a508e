//! The way of codes from the agent's scanners to the desk: a queue that [`crate::sources::scanner`] waits at, emptied one by
//! one. Answered when the code is durable, or when the desk is gone; nothing is dropped, a full disk holds scanners back.

use process::clock::Moment;
use protocol::event::Scan;
use protocol::id::Name;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::shell::Station;

/// Codes waiting for the desk: each scanner waits for its own.
const WAITING_MAX: usize = 8;

/// A code as a scanner read it.
#[derive(Debug)]
pub struct Read {
    pub scan: Scan,
    /// The machine that the scanner belongs to.
    pub machine: Option<Name>,
    pub taken: Moment,
}

/// There is no desk, or no longer: the code is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the station takes no scans")]
pub struct Gone;

type Waiting = (Read, oneshot::Sender<()>);

/// Where scanners hand over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ScanSender(mpsc::Sender<Waiting>);

#[derive(Debug)]
pub struct ScanReceiver(mpsc::Receiver<Waiting>);

impl ScanSender {
    #[must_use]
    pub fn channel() -> (ScanSender, ScanReceiver) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (ScanSender(sender), ScanReceiver(receiver))
    }

    /// Durable when it returns.
    pub async fn take(&self, read: Read) -> Result<(), Gone> {
        let (stored, answered) = oneshot::channel();
        self.0.send((read, stored)).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}

impl ScanReceiver {
    /// Until `stopping`, or until the desk is gone.
    pub(super) async fn hand_over(mut self, station: Station, stopping: CancellationToken) {
        loop {
            let next = tokio::select! {
                () = stopping.cancelled() => return,
                next = self.0.recv() => next,
            };
            let Some((read, stored)) = next else { return };
            if station.take(read).await.is_err() {
                return;
            }
            // A scanner that was taken out meanwhile no longer waits.
            let _ = stored.send(());
        }
    }
}
