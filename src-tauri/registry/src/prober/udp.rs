//! A datagram, and whether it is refused: nothing else can be told of what need not answer.

use super::ask::{Seen, Word, bad};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// What is sent.
const WORD: &[u8] = b"azora-probe";
/// How long a refusal is waited for: on this machine it is there at once.
const REFUSED: Duration = Duration::from_millis(500);

/// As Consul has it: what is not refused is good, whether it answers or not.
pub(super) async fn check(address: SocketAddr, timeout: Duration) -> Seen {
    let asked = async {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(address).await?;
        socket.send(WORD).await?;
        let mut answer = [0; 64];
        let answer = socket.recv(&mut answer);
        match tokio::time::timeout(REFUSED.min(timeout / 2), answer).await {
            Ok(answer) => answer.map(|_| "answers"),
            Err(_) => Ok("has not refused a datagram"),
        }
    };
    match asked.await {
        Ok(said) => Seen {
            word: Word::Good,
            output: format!("UDP {address} {said}"),
        },
        Err(error) => bad(format!("UDP {address}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_refuses_a_datagram_is_bad_and_all_else_good() {
        let second = Duration::from_secs(1);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let silent = check(address, second).await;
        assert_eq!(silent.word, Word::Good, "{silent:?}");
        let answers = async {
            // The first is of the question before.
            let mut heard = [0; 64];
            for _ in 0..2 {
                let (length, from) = socket.recv_from(&mut heard).await.unwrap();
                assert_eq!(&heard[..length], WORD);
                let _ = socket.send_to(b"ok", from).await;
            }
        };
        let (answered, ()) = tokio::join!(check(address, second), answers);
        assert!(answered.output.contains("answers"), "{answered:?}");
        drop(socket);
        let refused = check(address, second).await;
        assert_eq!(refused.word, Word::Bad, "{refused:?}");
    }
}
