//! A way to the daemon on which requests that have a word in them wait.

use driver_docker::{Address, ContainerDriver, Daemon, Endpoint};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::bench::{Bench, LONG};

pub(crate) struct Gate {
    open: watch::Sender<bool>,
    waits: watch::Receiver<bool>,
    _ways: JoinSet<()>,
}

impl Gate {
    /// From now on the bench's driver takes it.
    pub(crate) async fn before(bench: &mut Bench, word: &'static str) -> Gate {
        let socket = bench.home.path().join("gate.sock");
        let (open, opened) = watch::channel(false);
        let (came, waits) = watch::channel(false);
        let listener = UnixListener::bind(&socket).unwrap();
        let to = bench.made.daemon.socket();
        let mut ways = JoinSet::new();
        ways.spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (to, opened, came) = (to.clone(), opened.clone(), came.clone());
                passing.spawn(pass(client, to, word, opened, came));
            }
        });
        let (events, heard) = mpsc::channel(64);
        let daemon = Daemon::at(through(&socket)).await.unwrap();
        bench.driver = ContainerDriver::open(bench.layout.clone(), daemon, events);
        bench.events = heard;
        Gate {
            open,
            waits,
            _ways: ways,
        }
    }

    /// Until one waits.
    pub(crate) async fn reached(&mut self) {
        let reached = self.waits.wait_for(|waits| *waits);
        let reached = tokio::time::timeout(LONG, reached).await;
        reached.expect("it is asked for").unwrap();
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}

fn through(socket: &Path) -> Endpoint {
    Endpoint {
        address: Address::Unix(socket.to_owned()),
        why: "the test says so".into(),
    }
}

async fn pass(
    client: UnixStream,
    to: PathBuf,
    word: &str,
    mut opened: watch::Receiver<bool>,
    came: watch::Sender<bool>,
) {
    let daemon = UnixStream::connect(to).await.unwrap();
    let (mut asks, mut hears) = client.into_split();
    let (mut answers, mut takes) = daemon.into_split();
    let back = async { _ = tokio::io::copy(&mut answers, &mut hears).await };
    let there = async {
        let mut some = vec![0; 64 << 10];
        while let Ok(read @ 1..) = asks.read(&mut some).await {
            if String::from_utf8_lossy(&some[..read]).contains(word) {
                came.send_replace(true);
                let _ = opened.wait_for(|open| *open).await;
            }
            if takes.write_all(&some[..read]).await.is_err() {
                return;
            }
        }
        let _ = takes.shutdown().await;
    };
    tokio::join!(back, there);
}
