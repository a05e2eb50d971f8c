//! `answer PORT BYTES`: the quickest HTTP backend that is still one, for benches of what stands before it.
//!
//! One thread, one epoll, connections that stay. Every request is answered with so many bytes, whatever it asks;
//! requests have no body. What a bench measures then is not this.

use crate::{fail, say};
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};

/// What a head ends with.
const END: &[u8] = b"\r\n\r\n";
/// Events of one look.
const EVENTS: usize = 256;

/// One who asks, and how far the end of a head has come.
struct Client {
    stream: TcpStream,
    matched: usize,
}

/// Serves for ever.
pub(crate) fn answer(port: u16, bytes: usize) -> ! {
    let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) else {
        fail(&format!("failed to listen on {port}"));
    };
    if listener.set_nonblocking(true).is_err() {
        fail("failed to make the listener wait for nobody");
    }
    let mut whole =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n")
            .into_bytes();
    whole.resize(whole.len() + bytes, b'x');
    // SAFETY: it takes a flag and nothing else.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    watch(epoll, listener.as_raw_fd());
    say(&format!("answers on {port}"));
    let mut clients: HashMap<RawFd, Client> = HashMap::new();
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    loop {
        // SAFETY: it writes at most as many entries as there are.
        let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), EVENTS as i32, -1) };
        for event in events.iter().take(usize::try_from(count).unwrap_or(0)) {
            let descriptor = event.u64 as RawFd;
            if descriptor == listener.as_raw_fd() {
                while let Ok((stream, _)) = listener.accept() {
                    let ready = stream
                        .set_nonblocking(true)
                        .and_then(|()| stream.set_nodelay(true));
                    if ready.is_ok() {
                        watch(epoll, stream.as_raw_fd());
                        clients.insert(stream.as_raw_fd(), Client { stream, matched: 0 });
                    }
                }
            } else if let Some(client) = clients.get_mut(&descriptor)
                && !client.serve(&whole)
            {
                // Closing it takes it out of the epoll.
                clients.remove(&descriptor);
            }
        }
    }
}

impl Client {
    /// Answers what has come in; false when the client is gone.
    fn serve(&mut self, whole: &[u8]) -> bool {
        let mut bytes = [0; 1 << 14];
        let count = match self.stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        };
        for byte in &bytes[..count] {
            self.matched = match (*byte == END[self.matched], *byte) {
                (true, _) => self.matched + 1,
                (false, b'\r') => 1,
                (false, _) => 0,
            };
            if self.matched == END.len() {
                self.matched = 0;
                // Answers are small against a socket's buffer: one that does not fit has no reader.
                if self.stream.write_all(whole).is_err() {
                    return false;
                }
            }
        }
        true
    }
}

fn watch(epoll: RawFd, descriptor: RawFd) {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: descriptor as u64,
    };
    // SAFETY: both descriptors are open, and the event outlives the call.
    if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, descriptor, &mut event) } != 0 {
        fail("failed to watch a socket");
    }
}
