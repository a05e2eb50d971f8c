//! An engine that does not answer: who waits for it says so, and a command that only reads gives up.
//!
//! A single question may take long for good reasons, so it has no limit of its own. What is watched is
//! whether the engine answers anything: while a command works, it is asked now and then how it is.

use crate::fail::Fail;
use crate::terminal::note;
use api::client::Client;
use api::requests::Nothing;
use api::views::StatusView;
use driver::Layout;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Between an answer and the next question. Most commands have ended before the first.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// After so long without an answer a person is told.
const TELL: Duration = Duration::from_secs(5);
/// After so long a command that only reads gives up, and one that orders says what became of it.
const GIVE_UP: Duration = Duration::from_secs(30);

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// A question: asked again later, it is as good.
    Read,
    /// An order, or somebody who follows what comes: it goes on when the engine does.
    On,
}

/// Does `work`, which speaks with the engine of a home, and says when that does not answer.
pub(crate) async fn patient<T, E: From<Fail>>(
    layout: &Layout,
    waits: Waits,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::select! {
        biased;
        done = work => done,
        gave_up = unanswered(layout, waits) => Err(gave_up.into()),
    }
}

/// Ends when there is no sense in waiting on.
async fn unanswered(layout: &Layout, waits: Waits) -> Fail {
    let mut answered = Instant::now();
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        let asked = async {
            let client = Client::connect(layout.home()).await?;
            client.call::<StatusView>("status", &Nothing {}).await
        };
        let mut asked = std::pin::pin!(asked);
        // That nobody is there is an answer too: the command itself hears of it.
        let in_time = tokio::time::timeout_at(answered + TELL, &mut asked);
        if in_time.await.is_err() {
            let engine = engine(layout);
            note(&format!(
                "azora: {engine} does not answer; waiting (Ctrl-C ends this). It can be replaced by `azora serve --take-over`, or everything ended by `azora emergency-stop`"
            ));
            let in_time = tokio::time::timeout_at(answered + GIVE_UP, &mut asked);
            match (in_time.await, waits) {
                (Ok(_), _) => note("azora: the engine answers again"),
                (Err(_), Waits::Read) => return gave_up(&engine),
                (Err(_), Waits::On) => {
                    note(&format!(
                        "azora: {engine} has not answered for {} s; waiting on: what was asked of it may still be done when it goes on",
                        GIVE_UP.as_secs()
                    ));
                    // Its outcome is the command's to hear.
                    let _ = asked.await;
                    note("azora: the engine answers again");
                }
            }
        }
        answered = Instant::now();
    }
}

fn gave_up(engine: &str) -> Fail {
    Fail::failed(format!(
        "gave up: {engine} has not answered for {} s",
        GIVE_UP.as_secs()
    ))
}

fn engine(layout: &Layout) -> String {
    match driver::lock::holder(layout) {
        Some(holder) => format!("the engine (pid {})", holder.pid),
        None => "the engine".to_owned(),
    }
}
