//! One connection, passed on: bytes both ways, and each end's end.

use crate::{STACK, socket};
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;

/// Serves one until both sides have ended. Where nobody listens it is reset, as if it had gone there.
pub(crate) fn serve(client: TcpStream, port: u16) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return socket::refuse(client);
    };
    for one in [&client, &server] {
        // Small answers are not to wait for more; a peer that is gone without a word is noticed. A
        // connection is served without either.
        let _ = one.set_nodelay(true);
        socket::keep_alive(one);
    }
    thread::scope(|both| {
        let back = || copy(&server, &client);
        match thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(both, back)
        {
            Ok(_) => copy(&client, &server),
            Err(_) => end(&client, &server),
        }
    });
}

/// Copies until one side says no more, which the other is told.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    match io::copy(&mut from, &mut to) {
        Ok(_) => {
            // It may have ended meanwhile.
            let _ = to.shutdown(Shutdown::Write);
        }
        Err(_) => end(from, to),
    }
}

/// Neither is of use without the other.
fn end(one: &TcpStream, other: &TcpStream) {
    let _ = one.shutdown(Shutdown::Both);
    let _ = other.shutdown(Shutdown::Both);
}
