//! The socket below hyper: what of it is seen, counted and put together.
//!
//! What hyper answers by itself, to what it cannot read, goes out in words of ours ([`reword`]).

use crate::flush::Flushes;
use crate::reword;
use crate::sniff::Sniffed;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A head and a small body go to the kernel as one piece, which is less work than as two: copying so many bytes costs
/// less than what the kernel does for a list.
const TOGETHER: usize = 2 << 10;

/// A connection to a client or to an instance.
pub(crate) struct Wire {
    stream: TcpStream,
    /// All that was there for it has been written. Both HTTPs flush when they have nothing left to write.
    flushes: Option<Arc<Flushes>>,
    /// What it said.
    seen: Option<Sniffed>,
    /// What is written in the place of an answer of hyper's own, from here on.
    instead: Option<(Vec<u8>, usize)>,
}

impl Wire {
    /// To an instance.
    pub(crate) fn to_instance(stream: TcpStream) -> Self {
        Self {
            stream,
            flushes: None,
            seen: None,
            instead: None,
        }
    }

    /// Of a client. What is read from it is seen where `seen` is given.
    pub(crate) fn of_client(
        stream: TcpStream,
        flushes: &Arc<Flushes>,
        seen: Option<Sniffed>,
    ) -> Self {
        Self {
            stream,
            flushes: Some(Arc::clone(flushes)),
            seen,
            instead: None,
        }
    }

    /// Writes ours in the place of an answer of hyper's own; nothing where this is none.
    fn poll_instead(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<Option<usize>>> {
        if self.instead.is_none() {
            let (Some(seen), Some(flushes)) = (&self.seen, &self.flushes) else {
                return Poll::Ready(Ok(None));
            };
            // An instance's answer may look like anything: what hyper says comes after it.
            let own = reword::own(buf).filter(|_| flushes.all_has_left());
            let Some(status) = own else {
                return Poll::Ready(Ok(None));
            };
            let answer = seen.with(|seen| reword::instead(status, seen));
            self.instead = Some((answer, 0));
        }
        while let Some((answer, written)) = &mut self.instead {
            if *written == answer.len() {
                self.instead = None;
                break;
            }
            let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, &answer[*written..]))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += wrote;
        }
        Poll::Ready(Ok(Some(buf.len())))
    }

    fn written(&self) {
        if let Some(flushes) = &self.flushes {
            flushes.written();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if let Some(seen) = &self.seen {
            seen.add(&buf.filled()[before..]);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match ready!(self.poll_instead(cx, buf))? {
            Some(written) => Ok(written),
            None => ready!(Pin::new(&mut self.stream).poll_write(cx, buf)),
        };
        self.written();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        if let Some(flushes) = &self.flushes {
            flushes.flushed();
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = bufs {
            return self.poll_write(cx, one);
        }
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        if total > TOGETHER {
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs));
            self.written();
            return Poll::Ready(written);
        }
        let mut together = [0; TOGETHER];
        let mut length = 0;
        for buf in bufs {
            together[length..length + buf.len()].copy_from_slice(buf);
            length += buf.len();
        }
        self.poll_write(cx, &together[..length])
    }
}
