//! Many clients of the registry in this process: who fills it, and who waits to be told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

/// Who fills it at a time.
const FILLERS: usize = 32;
/// How long anybody waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Posts so many registrations; how long that took.
pub(crate) async fn fill(
    port: u16,
    count: usize,
    body: fn(usize) -> String,
) -> Result<Duration, String> {
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for _ in 0..FILLERS {
        let next = Arc::clone(&next);
        all.spawn(async move {
            let mut stream = connect(port).await?;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return Ok(());
                }
                post(&mut stream, &body(n)).await?;
            }
        });
    }
    while let Some(ended) = all.join_next().await {
        ended
            .map_err(|error| error.to_string())
            .and_then(|ended: Result<(), String>| ended)?;
    }
    Ok(begun.elapsed())
}

async fn connect(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    Ok(stream)
}

/// Posts one registration on a connection that stays.
pub(crate) async fn post(stream: &mut TcpStream, body: &str) -> Result<(), String> {
    let port = stream.peer_addr().map_err(text)?.port();
    let request = format!(
        "POST /register HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut heard = Vec::new();
    loop {
        let more = stream.read_buf(&mut heard).await.map_err(text)?;
        let answer = String::from_utf8_lossy(&heard);
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            });
            if body.len() >= length.unwrap_or(0) {
                let taken = head.starts_with("HTTP/1.1 20");
                return if taken {
                    Ok(())
                } else {
                    Err(answer.into_owned())
                };
            }
        }
        if more == 0 {
            return Err(format!("it ended after {answer}"));
        }
    }
}

/// Who watches one name, each on a connection of its own.
pub(crate) struct Watchers {
    all: JoinSet<Result<(), String>>,
    told: Receiver<(usize, Instant)>,
    count: usize,
}

impl Watchers {
    /// Begins, and returns when all of them are told what there is already: the mark `round-0`.
    pub(crate) async fn begin(port: u16, name: &str, count: usize) -> Result<Self, String> {
        let (tell, told) = channel(count.max(1));
        let mut all = JoinSet::new();
        for _ in 0..count {
            let (tell, name) = (tell.clone(), name.to_owned());
            all.spawn(watch(port, name, tell));
        }
        let mut watchers = Self { all, told, count };
        watchers.round(0, Instant::now()).await?;
        Ok(watchers)
    }

    /// How long after `begun` each of them was told of this round.
    pub(crate) async fn round(
        &mut self,
        round: usize,
        begun: Instant,
    ) -> Result<Vec<Duration>, String> {
        let mut times = Vec::with_capacity(self.count);
        while times.len() < self.count {
            let next = tokio::time::timeout(PATIENCE, self.told.recv()).await;
            match next {
                Ok(Some((said, at))) if said == round => times.push(at.duration_since(begun)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    let told = format!(
                        "{} of {} were told of round {round}",
                        times.len(),
                        self.count
                    );
                    return Err(match self.all.try_join_next() {
                        Some(Ok(Err(error))) => format!("{told}: {error}"),
                        _ => told,
                    });
                }
            }
        }
        Ok(times)
    }
}

/// Hears of a name, and says which round was told when.
async fn watch(port: u16, name: String, tell: Sender<(usize, Instant)>) -> Result<(), String> {
    let mut stream = connect(port).await?;
    let request = format!(
        "GET /watch?name={name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut heard = Vec::new();
    loop {
        if stream.read_buf(&mut heard).await.map_err(text)? == 0 {
            return Err(format!(
                "it ended after {}",
                String::from_utf8_lossy(&heard)
            ));
        }
        let at = Instant::now();
        let said = String::from_utf8_lossy(&heard);
        // The newest there is; what comes in pieces is looked at again when it is whole.
        let Some((_, after)) = said.rsplit_once("round-") else {
            continue;
        };
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        if digits.len() == after.len() {
            continue;
        }
        if let Ok(round) = digits.parse() {
            let _ = tell.send((round, at)).await;
            heard.clear();
        }
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}
