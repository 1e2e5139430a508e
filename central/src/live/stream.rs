//! What one browser is sent. It holds no queue: frames are taken one at a time from the feed, when the connection takes
//! more.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

use super::Hub;
use super::feed::{Feed, Following, Mark};

/// Ends when it is no longer allowed, see [`LiveStream::until`], and when the process stops.
pub struct LiveStream {
    hub: Arc<Hub>,
    feed: Arc<Feed>,
    marks: WatchStream<Mark>,
    /// Number of the frame sent last; none before the board.
    sent: Option<u64>,
    beats_sent: Option<u64>,
    beats: u64,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl std::fmt::Debug for LiveStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveStream").field("feed", &self.feed).field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl LiveStream {
    pub(super) fn new(hub: Arc<Hub>, feed: Arc<Feed>, resumed: Option<u64>, place: OwnedSemaphorePermit) -> LiveStream {
        let marks = WatchStream::new(feed.marks());
        let over = Box::pin(std::future::pending());
        LiveStream { hub, feed, marks, sent: resumed, beats_sent: None, beats: 0, over, _place: place }
    }

    /// Ends when this does: the session was ended, the right to see was taken away.
    #[must_use]
    pub fn until(mut self, over: impl Future<Output = ()> + Send + 'static) -> LiveStream {
        self.over = Box::pin(over);
        self
    }

    /// What can be sent at once.
    fn next_frame(&mut self) -> Option<Bytes> {
        let Some(sent) = self.sent else {
            let (number, board) = self.hub.board_frame(&self.feed);
            self.sent = Some(number);
            return Some(board);
        };
        match self.feed.after(sent) {
            Following::Frame(frame) => {
                self.sent = Some(sent + 1);
                Some(frame)
            }
            Following::Gone => {
                self.hub.counters.fell_behind();
                self.sent = None;
                self.next_frame()
            }
            Following::Nothing => {
                // What was beaten before it came is not its own.
                let beats_sent = self.beats_sent?;
                if beats_sent == self.beats {
                    return None;
                }
                let heartbeat = self.feed.heartbeat(sent)?;
                self.beats_sent = Some(self.beats);
                Some(heartbeat)
            }
        }
    }
}

impl Stream for LiveStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            if let Some(frame) = self.next_frame() {
                self.hub.counters.sent(frame.len());
                return Poll::Ready(Some(Ok(frame)));
            }
            match Pin::new(&mut self.marks).poll_next(context) {
                Poll::Ready(Some(mark)) if !mark.closed => {
                    self.beats = mark.beats;
                    self.beats_sent.get_or_insert(mark.beats);
                }
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
