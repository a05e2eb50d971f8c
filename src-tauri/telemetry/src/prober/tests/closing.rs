//! How a connection ends.

use super::*;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

/// A socket on this port, as a program makes one that knows nothing of `SO_REUSEADDR`.
fn bare(port: u16) -> Result<std::net::TcpListener, Errno> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listen(&socket, 8)?;
    Ok(socket.into())
}

#[tokio::test]
async fn who_was_asked_can_listen_again_at_once() {
    let listener = bare(0).unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1_024];
        std::io::Read::read(&mut stream, &mut request).unwrap();
        // Its end is what says that the answer is whole: it has come before anybody lets go.
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\nwell").unwrap();
    });
    let seen = get(port, "/", LONG).await;
    assert_eq!(seen, (Verdict::Pass, "GET / answered 200".to_owned()));
    service.join().unwrap();
    assert!(bare(port).is_ok(), "its port is kept busy");
}
