//! The socket below hyper: what of it is seen, counted and put together.
//!
//! What hyper answers by itself, to what it cannot read, goes out in words of ours ([`reword`]).

use crate::flush::Flushes;
use crate::kept::Kept;
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
    /// What an instance is asked.
    kept: Option<Arc<Kept>>,
    /// All that hyper had has been written. Said by both HTTPs: they flush when they have nothing left.
    clean: bool,
}

impl Wire {
    /// To an instance. Heads that are expected are kept there.
    pub(crate) fn to_instance(stream: TcpStream, kept: &Arc<Kept>) -> Self {
        Self {
            stream,
            flushes: None,
            seen: None,
            instead: None,
            kept: Some(Arc::clone(kept)),
            clean: true,
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
            kept: None,
            clean: true,
        }
    }

    /// This is about to be written.
    fn writes(&mut self, buf: &[u8]) {
        if let Some(kept) = &self.kept {
            kept.writes(buf, self.clean);
        }
        self.clean = false;
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
        let Some(seen) = &self.seen else {
            return Poll::Ready(read);
        };
        let new = &buf.filled()[before..];
        if new.is_empty()
            && read.is_ok()
            && self.flushes.as_ref().is_some_and(|one| one.keeps_end(cx))
        {
            return Poll::Pending;
        }
        seen.add(new);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes(buf);
        let written = match ready!(self.poll_instead(cx, buf))? {
            Some(written) => Ok(written),
            None => ready!(Pin::new(&mut self.stream).poll_write(cx, buf)),
        };
        self.written();
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        self.clean = true;
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
            // A head is the first of them.
            self.writes(bufs.first().map_or(&[], |first| first));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// As hyper writes it.
    const OWN: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, other) = tokio::join!(listener.accept(), other);
        (accepted.unwrap().0, other.unwrap())
    }

    #[tokio::test]
    async fn what_hyper_says_itself_goes_out_in_words_of_ours_and_nothing_else_does() {
        let (stream, mut client) = pair().await;
        let flushes = Arc::<Flushes>::default();
        let mut wire = Wire::of_client(stream, &flushes, Some(Sniffed::default()));
        // As long as an answer is given, what looks like that may be an instance's.
        flushes.begun();
        wire.write_all(OWN).await.unwrap();
        wire.flush().await.unwrap();
        flushes.ended();
        wire.write_all(OWN).await.unwrap();
        wire.flush().await.unwrap();
        wire.write_all(OWN).await.unwrap();
        // It ends there, and what comes behind it is as it was.
        wire.write_all(b"more").await.unwrap();
        wire.shutdown().await.unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        let theirs = std::str::from_utf8(OWN).unwrap().repeat(2);
        let ours = heard.strip_prefix(&theirs).unwrap();
        assert!(ours.starts_with("HTTP/1.1 400 "), "{ours}");
        assert!(ours.contains("is not understood"), "{ours}");
        assert!(ours.ends_with("more"), "{ours}");
        // An instance is told what it is told.
        let (stream, mut instance) = pair().await;
        let mut wire = Wire::to_instance(stream, &Arc::default());
        wire.write_all(OWN).await.unwrap();
        wire.shutdown().await.unwrap();
        let mut heard = Vec::new();
        instance.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, OWN);
    }

    #[tokio::test]
    async fn a_head_and_a_body_go_out_in_their_order_and_small_ones_as_one() {
        for (head, body) in [(100, 200), (0, 7), (48, 2_000), (48, 2_001), (3_000, 9_000)] {
            let (stream, mut client) = pair().await;
            let flushes = Arc::<Flushes>::default();
            let mut wire = Wire::of_client(stream, &flushes, None);
            let (head, body) = (vec![b'h'; head], vec![b'b'; body]);
            let all = [head.as_slice(), &body].concat();
            let two = [io::IoSlice::new(&head), io::IoSlice::new(&body)];
            let write = poll_fn(|cx| Pin::new(&mut wire).poll_write_vectored(cx, &two));
            assert_eq!(write.await.unwrap(), all.len());
            assert_eq!(flushes.writes(), 1);
            wire.shutdown().await.unwrap();
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, all);
        }
    }

    #[tokio::test]
    async fn an_end_is_kept_as_long_as_an_answer_is_owed() {
        let (stream, mut client) = pair().await;
        let flushes = Arc::<Flushes>::default();
        let mut wire = Wire::of_client(stream, &flushes, Some(Sniffed::default()));
        client.write_all(b"asks").await.unwrap();
        client.shutdown().await.unwrap();
        let mut asked = [0; 8];
        flushes.begun();
        assert_eq!(wire.read(&mut asked).await.unwrap(), 4);
        assert!(!flushes.has_said_all());
        let kept = tokio::time::timeout(Duration::from_millis(20), wire.read(&mut asked)).await;
        assert!(kept.is_err(), "{kept:?}");
        assert!(flushes.has_said_all());
        flushes.ended();
        // Whoever waits for it hears of it when the answer has left.
        let leaves = async {
            tokio::task::yield_now().await;
            flushes.flushed();
        };
        let (read, ()) = tokio::join!(wire.read(&mut asked), leaves);
        assert_eq!(read.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_end_is_passed_on_to_who_needs_it() {
        let mut byte = [0; 1];
        for (owed, needed) in [(false, false), (true, true)] {
            let (stream, client) = pair().await;
            let flushes = Arc::<Flushes>::default();
            let mut wire = Wire::of_client(stream, &flushes, Some(Sniffed::default()));
            drop(client);
            if owed {
                flushes.begun();
            }
            if needed {
                flushes.pass_end();
            }
            assert_eq!(wire.read(&mut byte).await.unwrap(), 0);
        }
        // HTTP/2 has streams that end, and a connection that does is over.
        let (stream, client) = pair().await;
        let flushes = Arc::<Flushes>::default();
        flushes.begun();
        let mut wire = Wire::of_client(stream, &flushes, None);
        drop(client);
        assert_eq!(wire.read(&mut byte).await.unwrap(), 0);
    }
}
