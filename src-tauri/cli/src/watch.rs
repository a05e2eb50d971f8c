//! Follows a cluster on the terminal while something is waited for.

use crate::board::{Aim, Board};
use crate::fail::{Done, Fail};
use crate::terminal::{Terminal, note, plain};
use crate::text::length;
use api::client::{Client, Messages};
use api::requests::{Nothing, WaitRequest};
use api::views::WaitView;
use model::view::{FeedMessage, Snapshot};
use model::{ActId, ClusterId, InstanceStatus, State};
use std::future::Future;
use std::io::{self, Write};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Between two drawings of the same picture.
const REDRAW: Duration = Duration::from_millis(100);
/// Where no picture can be drawn: what is still waited for is said this often, if it is not what
/// was said last.
const REMIND: Duration = Duration::from_secs(5);
/// And so many of those, with what they wait for.
const REMINDED: usize = 3;
/// One question about an act; it is asked again when nothing has settled by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long everything was in its place before the end: less is how long the answer took.
const STAYED: Duration = Duration::from_millis(500);
/// How long the picture at the end may take.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// Ctrl-C, SIGTERM and a closed terminal, one after the other.
pub(crate) struct Interrupts {
    int: Signal,
    term: Signal,
    /// `None` when whoever started this wants it to outlive the terminal (`nohup`).
    hang_up: Option<Signal>,
}

/// What interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Ctrl-C or SIGTERM: somebody wants it to end.
    Asked,
    /// The terminal was closed. Nobody asked for anything, and nobody reads what is said.
    HungUp,
}

impl Interrupt {
    /// How a command ends that only watched.
    pub(crate) fn fail(self, message: &str) -> Fail {
        match self {
            Interrupt::Asked => Fail::interrupted(message),
            Interrupt::HungUp => Fail::hung_up(),
        }
    }
}

/// The bit of SIGHUP in a mask of signals.
const HANGUP_BIT: u64 = 1;

/// True when this process was started with SIGHUP ignored.
fn outlives_terminal(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & HANGUP_BIT != 0)
}

impl Interrupts {
    /// From now on they come here instead of ending the program.
    pub(crate) fn catch() -> Done<Self> {
        let failed =
            |error: io::Error| Fail::failed(format!("failed to listen for signals: {error}"));
        // Looked at before listening, which would end the ignoring.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hang_up = match outlives_terminal(&status) {
            true => None,
            false => Some(signal(SignalKind::hangup()).map_err(failed)?),
        };
        Ok(Self {
            int: signal(SignalKind::interrupt()).map_err(failed)?,
            term: signal(SignalKind::terminate()).map_err(failed)?,
            hang_up,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Interrupt {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.int.recv() => Interrupt::Asked,
            _ = self.term.recv() => Interrupt::Asked,
            _ = hang_up => Interrupt::HungUp,
        }
    }

    /// The next one, and whether it came to this process alone and not from the terminal, which sends it
    /// to all that run there.
    pub(crate) async fn alone(&mut self) -> (Interrupt, bool) {
        tokio::select! {
            _ = self.term.recv() => (Interrupt::Asked, true),
            by = async {
                match &mut self.hang_up {
                    Some(signal) => tokio::select! {
                        _ = self.int.recv() => Interrupt::Asked,
                        _ = signal.recv() => Interrupt::HungUp,
                    },
                    None => {
                        self.int.recv().await;
                        Interrupt::Asked
                    }
                }
            } => (by, false),
        }
    }

    /// The next one that somebody asked for.
    pub(crate) async fn asked(&mut self) {
        while self.next().await != Interrupt::Asked {}
    }
}

/// Waits until everything an act set in motion has come to rest.
pub(crate) async fn settled(client: &Client, act: ActId) -> Done<WaitView> {
    let timeout_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    loop {
        let view: WaitView = client
            .call("wait", &WaitRequest { act, timeout_ms })
            .await?;
        if view.settled {
            return Ok(view);
        }
    }
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A picture that is drawn again in its place; lines where there is no terminal.
    Picture,
    /// A line for each change.
    Lines,
}

/// A cluster being followed.
pub(crate) struct Watch {
    client: Client,
    feed: Messages<FeedMessage>,
    pub(crate) board: Board,
    terminal: Terminal,
    begun: Instant,
    /// Since when all are where they are to be, if they are.
    there: Option<Instant>,
    /// Lines of the picture on the screen.
    drawn: usize,
}

impl Watch {
    /// Follows `cluster`, or all when there is none.
    pub(crate) async fn open(client: &Client, cluster: Option<ClusterId>) -> Done<Self> {
        let feed = client.stream::<FeedMessage>("feed", &Nothing {}).await?;
        let mut watch = Self {
            client: client.clone(),
            feed,
            board: Board::new(cluster),
            terminal: Terminal::stderr(),
            begun: Instant::now(),
            there: None,
            drawn: 0,
        };
        if let Some(picture) = watch.feed.next().await? {
            watch.board.take(picture);
        }
        Ok(watch)
    }

    /// Since it was opened or last restarted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Counts the time from now.
    pub(crate) fn restart_clock(&mut self) {
        self.begun = Instant::now();
        self.there = None;
    }

    /// How long it took until all were where they are to be; and how much longer it was looked whether they
    /// stay there, where that is worth a word. An act ends later than that for what has no probe.
    pub(crate) fn took(&self) -> String {
        match self
            .there
            .map(|there| (there - self.begun, there.elapsed()))
        {
            Some((took, stayed)) if stayed >= STAYED => {
                format!("{}, and still so {} later", length(took), length(stayed))
            }
            _ => length(self.elapsed()),
        }
    }

    fn look(&mut self, aim: Aim) {
        match self.board.there(aim) {
            true => _ = self.there.get_or_insert_with(Instant::now),
            false => self.there = None,
        }
    }

    /// Shows how things go until `wanted` is there. Ends early, with an error, when the engine does.
    pub(crate) async fn during<T>(
        &mut self,
        aim: Aim,
        style: Style,
        wanted: impl Future<Output = T>,
    ) -> Done<T> {
        let picture = style == Style::Picture && self.terminal.live;
        let mut wanted = std::pin::pin!(wanted);
        let mut redraw = Instant::now() + REDRAW;
        let mut remind = Instant::now() + REMIND;
        let mut said = String::new();
        self.look(aim);
        let done = loop {
            tokio::select! {
                biased;
                done = &mut wanted => break Ok(done),
                message = self.feed.next() => match message {
                    Ok(Some(message)) => {
                        let moved = self.board.take(message);
                        self.look(aim);
                        if !picture {
                            moved.iter().for_each(|status| self.tell(status));
                        }
                    }
                    Ok(None) => break Err(Fail::absent("the engine has ended")),
                    Err(error) => break Err(error.into()),
                },
                () = tokio::time::sleep_until(remind), if !picture && style == Style::Picture => {
                    let line = self.board.still(aim, REMINDED);
                    if line != said {
                        note(&format!("{:>8}  {line}", length(self.elapsed())));
                        said = line;
                    }
                    remind = Instant::now() + REMIND;
                }
                () = tokio::time::sleep_until(redraw), if picture => {
                    self.draw(aim);
                    redraw = Instant::now() + REDRAW;
                }
            }
        };
        self.wipe();
        done
    }

    /// Waits for the next message of the feed and takes it in.
    pub(crate) async fn moved(&mut self) -> Done {
        match self.feed.next().await? {
            Some(message) => {
                self.board.take(message);
                Ok(())
            }
            None => Err(Fail::absent("the engine has ended")),
        }
    }

    /// Takes in what has moved until now: that what is waited for is there may be known before the
    /// feed has told how it came about.
    pub(crate) async fn catch_up(&mut self) {
        let asked = self.client.call::<Snapshot>("snapshot", &Nothing {});
        // An engine that hangs now has done what was asked: what the feed told has to do.
        if let Ok(Ok(snapshot)) = tokio::time::timeout(LAST_LOOK, asked).await {
            let snapshot = Box::new(snapshot);
            let moved = self.board.take(FeedMessage::Snapshot { snapshot });
            if !self.terminal.live {
                moved.iter().for_each(|status| self.tell(status));
            }
        }
    }

    fn tell(&self, status: &InstanceStatus) {
        // On the way to something else, and the something else is said. What is on its way for
        // long is said now and then.
        if matches!(
            status.state,
            State::Waiting | State::Starting | State::Running
        ) {
            return;
        }
        let state = self.terminal.paint(
            crate::text::state_paint(status.state),
            status.state.as_str(),
        );
        let reason = plain(&status.reason.to_string());
        let why = if reason.is_empty() || status.state == State::Ready {
            String::new()
        } else {
            format!(": {reason}")
        };
        note(&format!(
            "{:>8}  {} {state}{why}",
            length(self.elapsed()),
            status.instance
        ));
    }

    fn draw(&mut self, aim: Aim) {
        // The terminal may have been resized.
        self.terminal = Terminal::stderr();
        let frame = self.board.frame(aim, self.elapsed(), self.terminal);
        let mut text = self.back();
        for line in &frame {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = frame.len();
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Takes the picture off the screen.
    fn wipe(&mut self) {
        let text = self.back();
        self.drawn = 0;
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Moves to where the picture begins and clears from there.
    fn back(&self) -> String {
        match self.drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_under_nohup_outlives_its_terminal() {
        assert!(outlives_terminal(
            "Name:\tazora\nSigIgn:\t0000000000000001\n"
        ));
        assert!(outlives_terminal("SigIgn:\t0000000000001001\n"));
        assert!(!outlives_terminal(
            "SigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n"
        ));
        assert!(!outlives_terminal(""));
    }
}
