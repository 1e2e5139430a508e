//! Since when the other side of a connection takes nothing of what is written to it. A computer that is alive keeps such a
//! connection open for ever, whatever became of the program on it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Since when; none while it takes what comes.
#[derive(Debug, Default)]
pub(super) struct Stall(Mutex<Option<Instant>>);

impl Stall {
    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        let mut since = self.since();
        if written.is_pending() {
            since.get_or_insert_with(Instant::now);
        } else {
            *since = None;
        }
        written
    }

    /// Resolves once it has lasted so long.
    pub(super) async fn lasts(&self, limit: Duration) {
        loop {
            let since = *self.since();
            let looked = Instant::now();
            let until = since.unwrap_or(looked) + limit;
            if since.is_some() && until <= looked {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A connection that notes when its writes wait.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    stall: Arc<Stall>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, stall: Arc<Stall>) -> Watched<S> {
        Watched { stream, stall }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, to)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, from);
        self.stall.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, from);
        self.stall.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.stall.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.stall.note(shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn only_who_takes_nothing_for_so_long_is_given_up() {
        let limit = Duration::from_secs(1);
        let (mut browser, ours) = tokio::io::duplex(8);
        let stall = Arc::new(Stall::default());
        let mut written = Watched::new(ours, stall.clone());
        let began = Instant::now();
        let browses = async {
            // Slow, but it takes something, now and then; then it stops.
            for _ in 0..10 {
                tokio::time::sleep(limit / 4).await;
                browser.read_exact(&mut [0; 8]).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = browses => {}
            written = written.write_all(&[0; 1_000]) => panic!("it was never taken: {written:?}"),
            () = stall.lasts(limit) => {}
        }
        assert!(began.elapsed() >= limit * 3, "{:?}", began.elapsed());
    }
}
