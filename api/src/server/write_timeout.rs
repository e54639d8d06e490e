//! Closes connections whose client does not read, so that the resources of a response are released.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

/// A stream whose writes fail if the client reads nothing for the time limit.
pub(super) struct WriteTimeout<S> {
    stream: S,
    limit: Duration,
    /// Timer that runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Slot of the connection, held until it closes: a WebSocket outlives the request that opened it.
    _slot: OwnedSemaphorePermit,
}

impl<S> WriteTimeout<S> {
    pub(super) fn new(stream: S, limit: Duration, slot: OwnedSemaphorePermit) -> Self {
        Self { stream, limit, waiting: None, _slot: slot }
    }

    /// Returns the outcome of a write, or an error if the write has waited for too long.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        sync::Semaphore,
    };

    use super::*;

    #[tokio::test]
    async fn write_fails_once_the_client_stops_reading_and_not_before() {
        let (near, mut far) = duplex(16);
        let slot = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("a slot");
        let mut near = WriteTimeout::new(near, Duration::from_millis(200), slot);
        // Three times the limit in total, but never the limit without progress.
        let read = async {
            let mut read = [0; 16];
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(60)).await;
                far.read_exact(&mut read).await.expect("it is written");
            }
        };
        let (written, ()) = tokio::join!(near.write_all(&[0; 160]), read);
        written.expect("it is read");
        let error = near.write_all(&[0; 64]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
