//! Where readings come from. Each source is an I/O shell around a pure reading of its protocol.
//!
//! A source owns its connections, retries for ever with growing pauses, reports every change of condition to the
//! [`StatusBoard`](crate::status::StatusBoard), and never lets one silent peer hold up another.

use std::sync::Arc;

use process::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::capture::CaptureSender;
use crate::status::Subject;

pub mod modbus;
pub mod mqtt;
pub mod replay;
pub mod scanner;

/// What a source is given to live on.
#[derive(Debug, Clone)]
pub struct SourceContext {
    pub capture: CaptureSender,
    pub status: Subject,
    pub clock: Arc<dyn Clock>,
    pub stopping: CancellationToken,
}
