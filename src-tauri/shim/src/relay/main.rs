//! `azora-relay RUN_FOLDER`: passes connections of containers on to processes that listen on 127.0.0.1
//! alone.
//!
//! One per cluster, under a shim like a service. It listens at the ports of `forwards` in its folder
//! ([`shim::forwards`]): on the address that this machine has on a container network, bound to the
//! bridge of that, so that what comes from elsewhere is not heard whatever address it names. It lets in
//! who is of that network, copies bytes both ways, and understands none of them. When `forwards` is
//! replaced it does what has changed; connections of the rest go on.
//!
//! It needs no engine to live, and ends by SIGTERM. Exit codes: 0 its folder is gone, 64 wrong usage,
//! 71 the kernel does not tell it of changes.
#![expect(
    unsafe_code,
    reason = "a socket that is bound to a device is made by system calls; each block says why it is sound"
)]

mod connection;
mod room;
mod socket;

use connection::serve;
use room::Room;
use shim::forwards::{Forward, Forwards, Heard};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;

/// Each connection takes two threads, of which neither does more than copy.
const STACK: usize = 64 * 1024;
/// Most connections of one forward at once. More than a service on somebody's machine has; a loop of
/// connects in a container is not to take what others need. All together have what [`Room`] says.
const MOST: usize = 256;

/// A forward that is listened at.
struct Open {
    forward: Forward,
    /// The bridge's number: one that was made again is another.
    index: u32,
    target: Arc<AtomicU16>,
    listener: Arc<TcpListener>,
}

impl Open {
    fn is(&self, wanted: &Forward) -> bool {
        let own = &self.forward;
        (&own.device, own.address, own.prefix, own.port)
            == (&wanted.device, wanted.address, wanted.prefix, wanted.port)
            && socket::index_of(&own.device) == Some(self.index)
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(folder), None) = (args.next(), args.next()) else {
        return ExitCode::from(64);
    };
    let folder = Path::new(&folder);
    let room = Arc::new(Room::of_descriptors(socket::descriptors()));
    // Before the first look: what is written after that is told.
    let Some(changes) = socket::Changes::of(folder) else {
        return ExitCode::from(71);
    };
    let mut open: Vec<Open> = Vec::new();
    let mut heard = None;
    loop {
        let wanted = Forwards::read(folder);
        if let Some(wanted) = wanted.filter(|wanted| heard != Some(wanted.number)) {
            heard = Some(wanted.number);
            let answer = Heard {
                number: wanted.number,
                failed: apply(&mut open, wanted.all, &room),
            };
            if let Err(error) = answer.write(folder) {
                eprintln!("azora-relay: failed to answer: {error}");
            }
        }
        if !changes.wait() {
            return ExitCode::SUCCESS;
        }
    }
}

/// Listens at what is wanted and not listened at, no more at what is not wanted, and says where it could
/// not.
fn apply(
    open: &mut Vec<Open>,
    wanted: Vec<Forward>,
    room: &Arc<Room>,
) -> Vec<(std::net::Ipv4Addr, u16, String)> {
    open.retain(|one| {
        let stays = wanted.iter().any(|wanted| one.is(wanted));
        if !stays {
            // Its thread comes back from waiting, and ends.
            socket::wake(&one.listener);
        }
        stays
    });
    let mut failed = Vec::new();
    for forward in wanted {
        if let Some(one) = open.iter_mut().find(|one| one.is(&forward)) {
            one.target.store(forward.target, Ordering::Relaxed);
            one.forward = forward;
            continue;
        }
        let (address, port) = (forward.address, forward.port);
        match listen(forward, room) {
            Ok(one) => open.push(one),
            Err(error) => {
                eprintln!("azora-relay: failed to listen at {address}:{port}: {error}");
                failed.push((address, port, error.to_string()));
            }
        }
    }
    failed
}

fn listen(forward: Forward, room: &Arc<Room>) -> std::io::Result<Open> {
    let missing = || std::io::Error::other(format!("there is no {}", forward.device));
    let index = socket::index_of(&forward.device).ok_or_else(missing)?;
    let listener = Arc::new(socket::listener(&forward)?);
    let target = Arc::new(AtomicU16::new(forward.target));
    let one = Open {
        forward: forward.clone(),
        index,
        target: Arc::clone(&target),
        listener: Arc::clone(&listener),
    };
    let room = Arc::clone(room);
    let accepting = move || accept(&listener, &forward, &target, &room);
    thread::Builder::new().stack_size(STACK).spawn(accepting)?;
    Ok(one)
}

fn accept(listener: &TcpListener, forward: &Forward, target: &AtomicU16, room: &Arc<Room>) {
    let served = Arc::new(AtomicUsize::new(0));
    loop {
        let (client, peer) = match listener.accept() {
            Ok(came) => came,
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return,
            Err(error) => {
                socket::after(&error);
                continue;
            }
        };
        let std::net::IpAddr::V4(peer) = peer.ip() else {
            continue;
        };
        let may = forward.lets_in(peer) && served.load(Ordering::Relaxed) < MOST;
        let Some(place) = may.then(|| Room::place(room)).flatten() else {
            socket::refuse(client);
            continue;
        };
        served.fetch_add(1, Ordering::Relaxed);
        let (target, count) = (target.load(Ordering::Relaxed), Arc::clone(&served));
        let serving = move || {
            serve(client, target);
            drop(place);
            count.fetch_sub(1, Ordering::Relaxed);
        };
        let thread = thread::Builder::new().stack_size(STACK);
        if let Err(error) = thread.spawn(serving) {
            // What it had taken is gone with it: the connection is closed.
            served.fetch_sub(1, Ordering::Relaxed);
            socket::after(&error);
        }
    }
}
