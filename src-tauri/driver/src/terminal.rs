//! Typing at the terminal of an instance: its shim lends the master end for as long as one piece is
//! written or one size set, and nothing of it is kept here. So a terminal still ends with its shim, and
//! what comes out of it is read by nobody but the shim, which appends it to the log.

use crate::driver::ProcessDriver;
use crate::handback::is;
use crate::slow::connect;
use crate::sockets;
use model::{ClusterId, Generation, InstanceId};
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};
use shim::{Command, Line};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// A shim answers at once. One that does not is stopped, or older than terminals that are lent.
const ANSWER: Duration = Duration::from_secs(2);
/// So long a service may leave what was typed unread: its terminal holds 4 KB of it.
const UNREAD: Duration = Duration::from_secs(2);
/// Longest talk before the answer: a greeting, the newest lines and what was told meanwhile.
const MAX_TALK: usize = 16 << 10;

/// Why there is no terminal to type at.
#[derive(Debug, thiserror::Error)]
pub enum NoTerminal {
    /// The instance does not run, or has no terminal.
    #[error("it has no terminal that runs just now")]
    NotRunning,
    /// Its shim is gone; with it went the terminal.
    #[error("its shim is gone, and its terminal with it; restart it")]
    NoShim,
    /// Nothing came from its shim.
    #[error(
        "its shim does not answer: it is stopped, or of an older version than this engine; restart the service"
    )]
    NoAnswer,
    /// Typed, and not taken.
    #[error("it does not read what is typed; {0} bytes were not taken")]
    Unread(usize),
    /// The system refused.
    #[error("failed to reach its terminal")]
    Io(#[from] io::Error),
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A terminal, lent. Let go of it soon: a service does not see the end of its terminal before.
#[derive(Debug)]
pub struct Terminal {
    /// Which start has it.
    pub generation: Generation,
    master: OwnedFd,
}

impl ProcessDriver {
    /// Borrows the terminal of an instance from its shim.
    ///
    /// # Errors
    /// See [`NoTerminal`].
    pub async fn terminal(
        &self,
        cluster: &ClusterId,
        instance: &InstanceId,
    ) -> Result<Terminal, NoTerminal> {
        let facts = self.looked_at(cluster, instance);
        let facts = facts.ok_or(NoTerminal::NotRunning)?;
        let shim = match (facts.shim, facts.main) {
            (Some(shim), _) => shim,
            (None, Some(_)) => return Err(NoTerminal::NoShim),
            (None, None) => return Err(NoTerminal::NotRunning),
        };
        let folder = self.shared().layout.run(cluster, instance);
        let asked = async {
            let stream = connect(&folder).await?.ok_or(NoTerminal::NoAnswer)?;
            if !is(&stream, shim) {
                return Err(NoTerminal::NoAnswer);
            }
            ask(stream).await
        };
        let asked = tokio::time::timeout(ANSWER, asked).await;
        asked.unwrap_or(Err(NoTerminal::NoAnswer))
    }
}

async fn ask(mut stream: UnixStream) -> Result<Terminal, NoTerminal> {
    let command = format!("{}\n", Command::Terminal);
    stream.write_all(command.as_bytes()).await?;
    let mut talk = Vec::new();
    loop {
        // What came with the greeting are sockets that are kept elsewhere: closed here.
        let (said, lent) = sockets::hear(&stream).await?;
        if said.is_empty() || talk.len() > MAX_TALK {
            return Err(NoTerminal::NoAnswer);
        }
        talk.extend(said);
        let answer = lines(&talk).find_map(|line| match line {
            Line::Terminal { generation } => Some(generation),
            _ => None,
        });
        if let Some(generation) = answer {
            let generation = Generation(generation);
            // A piece ends where descriptors came with it, so these came with the answer.
            return match lent.into_iter().next() {
                Some(master) => Ok(Terminal { generation, master }),
                None => Err(NoTerminal::NotRunning),
            };
        }
    }
}

fn lines(talk: &[u8]) -> impl Iterator<Item = Line> {
    let whole = talk.split_inclusive(|byte| *byte == b'\n');
    whole.filter_map(|line| Line::parse(std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?))
}

impl Terminal {
    /// Types. The service takes it as it reads; one that does not read for a while ends this.
    ///
    /// # Errors
    /// [`NoTerminal::Unread`], or what the system says.
    pub async fn write(self, mut bytes: &[u8]) -> Result<(), NoTerminal> {
        #[expect(
            deprecated,
            reason = "what took its place is unsafe for every type, and an OwnedFd keeps the promise"
        )]
        let master = AsyncFd::with_interest(self.master, Interest::WRITABLE)?;
        while !bytes.is_empty() {
            let mut ready = match tokio::time::timeout(UNREAD, master.writable()).await {
                Ok(ready) => ready?,
                Err(_) => return Err(NoTerminal::Unread(bytes.len())),
            };
            match ready.try_io(|master| Ok(rustix::io::write(master, bytes)?)) {
                Ok(Ok(written)) => bytes = &bytes[written..],
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// How large it is.
    ///
    /// # Errors
    /// What the system says.
    pub fn size(&self) -> Result<Size, NoTerminal> {
        let size = tcgetwinsize(&self.master).map_err(io::Error::from)?;
        Ok(Size {
            columns: size.ws_col,
            rows: size.ws_row,
        })
    }

    /// Makes it so large; the service is told (SIGWINCH) when it was not.
    ///
    /// # Errors
    /// What the system says.
    pub fn resize(&self, size: Size) -> Result<(), NoTerminal> {
        let size = Winsize {
            ws_row: size.rows,
            ws_col: size.columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(&self.master, size).map_err(io::Error::from)?)
    }
}
