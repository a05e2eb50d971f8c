//! Knowing when what a client was given has left: what breaks an answer off also drops what of it hyper
//! and h2 still hold, so that it has to come after that.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often all that was there for a client has been written.
#[derive(Default)]
pub(crate) struct Flushes {
    times: AtomicU64,
    waiting: Mutex<Vec<Waker>>,
}

impl Flushes {
    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// It has been so since there were so many; who asks too soon is woken.
    pub(crate) fn since(&self, before: u64, cx: &Context<'_>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let since = self.times() > before;
        if !since {
            waiting.push(cx.waker().clone());
        }
        since
    }

    fn flushed(&self) {
        self.times.fetch_add(1, Ordering::Relaxed);
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in waiting {
            waker.wake();
        }
    }
}

/// A connection whose flushes are counted. Both HTTPs flush when they have nothing left to write.
pub(crate) struct Flushing<T> {
    inner: T,
    flushes: Arc<Flushes>,
}

impl<T> Flushing<T> {
    pub(crate) fn new(inner: T, flushes: &Arc<Flushes>) -> Self {
        let flushes = Arc::clone(flushes);
        Self { inner, flushes }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Flushing<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Flushing<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        if flushed.is_ready() {
            self.flushes.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}
