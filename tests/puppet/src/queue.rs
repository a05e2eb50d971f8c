//! `queue MS`: a service with one worker, for tests of load.
//!
//! It listens on the sockets it is handed (`LISTEN_FDS`, from descriptor 3 on), and works so long on each
//! request, one at a time, in the order they came: a few of one socket, then of the next. `/health` is no
//! work, and waits for its turn like the others. Whoever comes meanwhile waits to be accepted. Each answer
//! is its pid.

use crate::{fail, pause, say};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

/// So many of one socket before it looks at the next: probes wait as users do.
const TURN: usize = 10;
/// Whoever connects and says nothing is not waited for.
const SILENT: Duration = Duration::from_secs(5);

/// Serves for ever.
pub(crate) fn queue(work: u64) -> ! {
    let handed = std::env::var("LISTEN_FDS").ok();
    let Some(handed) = handed.and_then(|count| count.parse::<i32>().ok()) else {
        fail("queue needs sockets in LISTEN_FDS");
    };
    let listeners: Vec<TcpListener> = (3..3 + handed)
        .map(|descriptor| {
            // SAFETY: whoever started this process opened it for it alone.
            let listener = unsafe { TcpListener::from_raw_fd(descriptor) };
            // Another instance may be quicker to accept.
            if listener.set_nonblocking(true).is_err() {
                fail(&format!("{descriptor} is no socket"));
            }
            listener
        })
        .collect();
    say(&format!("serves {handed} sockets"));
    loop {
        wait(&listeners);
        for listener in &listeners {
            for _ in 0..TURN {
                let Ok((stream, _)) = listener.accept() else {
                    break;
                };
                // Whoever is gone in the middle of it has no answer to miss.
                let _ = answer(stream, work);
            }
        }
    }
}

fn wait(listeners: &[TcpListener]) {
    let mut polled: Vec<libc::pollfd> = listeners
        .iter()
        .map(|listener| libc::pollfd {
            fd: listener.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    // SAFETY: it reads and writes as many entries as there are.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, -1) };
}

fn answer(mut stream: TcpStream, work: u64) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(SILENT))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(1 << 16));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = first.clone();
    while !line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    if !first.starts_with("GET /health ") {
        pause(work);
    }
    let body = format!("{{\"pid\":{}}}", std::process::id());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())
}
