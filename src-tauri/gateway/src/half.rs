//! A client that says nothing more and still listens: it has shut its sending side, as `nc -N` and simple programs do
//! behind a request. What TCP says of it is what it says of one that is gone, and hyper takes it for that; on one machine
//! the kernel tells them apart, for the socket of who is gone is nobody's.
//!
//! So the end of what a client sends is kept from hyper while an answer is owed, and its other end is looked at until
//! that has left. Until then that costs nothing, and then a question to the kernel every few seconds. Who does it to hold
//! something holds no more than who does not shut its side: all limits of a request are as they were.

use crate::seat::Seat;
use std::net::SocketAddr;
use std::time::Duration;

/// The first look. A kernel sends the end of what a program has said before it takes the socket from it.
const FIRST: Duration = Duration::from_millis(5);
/// The time between two looks doubles until then: who dies while it listens says nothing more by that.
const LONGEST: Duration = Duration::from_secs(5);
/// After this what it has sent has been read, and the rest of a body will not come.
const READ: Duration = Duration::from_millis(40);

/// Resolves when nobody is at the other end any more.
pub(crate) async fn gone(remote: SocketAddr, local: SocketAddr, seat: &Seat) {
    let mut pause = FIRST;
    loop {
        tokio::time::sleep(pause).await;
        // Beside this thread, as when it came.
        let peer = tokio::task::spawn_blocking(move || registry::peer::find(remote, local));
        if !matches!(peer.await, Ok(Ok(_))) {
            return;
        }
        if pause >= READ {
            seat.lacks_body();
        }
        pause = (pause * 2).min(LONGEST);
    }
}
