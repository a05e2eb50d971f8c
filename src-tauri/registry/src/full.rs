//! What is said to who finds all places taken: that it is so, at once, instead of nothing for as long as it lasts.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// So long somebody may take to hear it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most bytes of what was asked that are read, so that the answer is not lost with them.
const MAX_ASKED: usize = 64 << 10;

/// In which words it is said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Full {
    /// As the registry's own API says everything.
    Json,
    /// As Consul's clients show it.
    Plain,
}

impl Full {
    fn answer(self) -> String {
        let error = "all places of the registry are taken";
        let help = "Close connections that are not needed, and ask again.";
        let (kind, body) = match self {
            Full::Json => {
                let told = serde_json::json!({ "error": error, "help": help });
                ("application/json", told.to_string())
            }
            Full::Plain => ("text/plain; charset=utf-8", format!("{error}. {help}")),
        };
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Retry-After: 1\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// Says so and lets go. What was asked is read and not looked at: an end with bytes unread takes the
    /// answer with it.
    pub(crate) async fn say(self, mut stream: TcpStream) {
        let told = async {
            stream.write_all(self.answer().as_bytes()).await?;
            stream.shutdown().await?;
            let mut asked = [0; 4 << 10];
            let mut read = 0;
            while read < MAX_ASKED {
                match stream.read(&mut asked).await? {
                    0 => break,
                    more => read += more,
                }
            }
            Ok::<(), std::io::Error>(())
        };
        // Who does not hear it has hung up.
        let _ = tokio::time::timeout(PATIENCE, told).await;
    }
}
