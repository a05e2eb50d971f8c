//! `azora attach`: the terminal of a service in one's own, until the detach keys are pressed.
//!
//! What comes out of it was made harmless by the engine. The own terminal is put back as it was however
//! this ends.

mod keys;
mod raw;

use crate::args::{Attach, Place};
use crate::fail::{Done, Fail};
use crate::logs::{gone, next_engine};
use crate::place::{Scene, instances};
use crate::terminal::note;
use crate::watch::{Interrupt, Interrupts};
use api::client::{self, Client, Messages};
use api::requests::{
    AttachRequest, Nothing, ResizeTerminalRequest, TakeTerminalRequest, TypeTerminalRequest,
};
use keys::{Keys, Typed};
use model::view::{TerminalMessage, TerminalSize, TerminalState};
use model::{ClusterId, InstanceId};
use raw::Raw;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Pieces of what is typed that wait for an engine that is slow.
const WAITING: usize = 64;

/// `azora attach`.
pub(crate) async fn attach(place: &Place, arguments: &Attach) -> Done {
    let scene = Scene::find(place).await?;
    let all = scene.ps().await?.instances;
    let named = std::slice::from_ref(&arguments.service);
    let wanted = instances(&scene.cluster.id, &all, named)?;
    let instance = match wanted.as_slice() {
        [one] => one.clone(),
        [] => {
            let none = format!("{} has no instance", arguments.service);
            return Err(Fail::absent(none));
        }
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            return Err(Fail::usage(format!(
                "{} has several instances, and one is attached to at a time; name one: {}",
                arguments.service,
                names.join(", ")
            )));
        }
    };
    let there = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !there && !arguments.read_only {
        return Err(Fail::usage(
            "to type at a service, standard input and output have to be a terminal; `--read-only` looks \
             on, and `azora logs --follow` prints its lines",
        ));
    }
    Session {
        place,
        cluster: scene.cluster.id,
        instance,
        types: !arguments.read_only,
        writes: Cell::new(false),
    }
    .run(scene.client)
    .await
}

struct Session<'a> {
    place: &'a Place,
    cluster: ClusterId,
    instance: InstanceId,
    /// Not only to look on.
    types: bool,
    /// The input is this one's.
    writes: Cell<bool>,
}

/// Why a session with one engine is over.
enum Over {
    /// The detach keys were pressed.
    Detached,
    Interrupted(Interrupt),
    /// The engine ended; services run on.
    Gone,
}

impl Session<'_> {
    async fn run(&self, mut client: Client) -> Done {
        let mut interrupts = Interrupts::catch()?;
        let mut quit = signal(SignalKind::quit())?;
        let request = AttachRequest {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
        };
        let mut messages = client.stream("attach", &request).await?;
        let how = match self.types {
            true => "Ctrl-P Ctrl-Q lets go of it",
            false => "only looking on; Ctrl-C lets go of it",
        };
        note(&format!(
            "azora: attached to {}; {how}, and it runs on",
            self.instance
        ));
        // From here on until it is dropped; nothing that ends this keeps it from that.
        let raw = self.types.then(Raw::begin).transpose()?;
        let (typed, mut keys) = mpsc::channel(WAITING);
        if self.types {
            keys::read(typed)?;
        }
        let mut parser = Keys::default();
        let over = loop {
            let with = self.with(&client, &mut messages, &mut keys, &mut parser, raw.as_ref());
            let over = tokio::select! {
                over = with => over?,
                interrupt = interrupts.next() => Over::Interrupted(interrupt),
                _ = quit.recv() => Over::Interrupted(Interrupt::Asked),
            };
            let Over::Gone = over else {
                break over;
            };
            self.say(
                "the engine has ended; the service runs on, and this waits for the next engine",
            );
            let back = async {
                client = next_engine(self.place).await?;
                messages = client.stream("attach", &request).await?;
                Ok::<(), Fail>(())
            };
            tokio::select! {
                back = back => back?,
                interrupt = interrupts.next() => break Over::Interrupted(interrupt),
                // Nobody reads it, but who wants to go may go.
                () = detached(&mut keys, &mut parser) => break Over::Detached,
            }
        };
        drop(raw);
        match over {
            Over::Interrupted(interrupt) if self.types => {
                Err(interrupt.fail(&format!("let go of {}; it runs on", self.instance)))
            }
            Over::Interrupted(Interrupt::HungUp) => Err(Fail::hung_up()),
            Over::Interrupted(_) | Over::Detached | Over::Gone => {
                note(&format!("azora: let go of {}; it runs on", self.instance));
                Ok(())
            }
        }
    }

    /// With one engine, until something ends it.
    async fn with(
        &self,
        client: &Client,
        messages: &mut Messages<TerminalMessage>,
        keys: &mut mpsc::Receiver<Vec<u8>>,
        parser: &mut Keys,
        raw: Option<&Raw>,
    ) -> Done<Over> {
        let over = async {
            let Some(TerminalMessage::Attached { session, state, .. }) = messages.next().await?
            else {
                return Ok(Over::Gone);
            };
            if self.types {
                if let Some(writer) = &state.writer {
                    self.say(&format!(
                        "taking the input from who types there ({})",
                        writer.via
                    ));
                }
                self.take(client, session).await?;
            }
            let shows = self.shows(messages, session, raw);
            let types = self.types(client, session, keys, parser);
            let resizes = self.resizes(client, session);
            tokio::select! {
                over = shows => over,
                over = types, if self.types => over,
                over = resizes, if self.types => over,
            }
        };
        match over.await {
            Err(Ended::Engine(error)) if gone(&error) => Ok(Over::Gone),
            Err(Ended::Engine(error)) => Err(error.into()),
            Err(Ended::Fail(fail)) => Err(fail),
            Ok(over) => Ok(over),
        }
    }

    async fn take(&self, client: &Client, session: u64) -> Result<(), client::Error> {
        let request = TakeTerminalRequest {
            session,
            size: size(),
            reason: None,
        };
        client
            .call::<TerminalState>("take_terminal", &request)
            .await?;
        self.writes.set(true);
        Ok(())
    }

    /// Shows what comes out.
    async fn shows(
        &self,
        messages: &mut Messages<TerminalMessage>,
        session: u64,
        raw: Option<&Raw>,
    ) -> Result<Over, Ended> {
        while let Some(message) = messages.next().await? {
            match message {
                TerminalMessage::Output { text } => {
                    if let Some(raw) = raw {
                        raw.shows(&text);
                    }
                    let mut out = io::stdout().lock();
                    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                    written.map_err(Fail::from)?;
                }
                TerminalMessage::Skipped { bytes } => {
                    self.say(&format!(
                        "{bytes} bytes went by faster than they could be shown"
                    ));
                }
                TerminalMessage::State { state } => {
                    let writes = |writer: &model::view::TerminalWriter| writer.session == session;
                    let its = state.writer.as_ref().is_some_and(writes);
                    if self.writes.replace(its) && !its {
                        let by = state
                            .writer
                            .map_or("nobody".to_owned(), |writer| writer.via);
                        self.say(&format!(
                            "the input was taken ({by} types now); Enter takes it back"
                        ));
                    }
                }
                TerminalMessage::Attached { .. } => {}
            }
        }
        Ok(Over::Gone)
    }

    /// Passes on what is typed.
    async fn types(
        &self,
        client: &Client,
        session: u64,
        keys: &mut mpsc::Receiver<Vec<u8>>,
        parser: &mut Keys,
    ) -> Result<Over, Ended> {
        while let Some(mut bytes) = keys.recv().await {
            // What was typed while the last of it was on its way goes together.
            while let Ok(more) = keys.try_recv() {
                bytes.extend(more);
            }
            match parser.next(&bytes) {
                Typed::Detach => return Ok(Over::Detached),
                Typed::Text(text) if text.is_empty() => {}
                Typed::Text(text) if !self.writes.get() => {
                    if text.contains('\r') {
                        self.take(client, session).await?;
                        self.say("the input is yours again");
                    }
                }
                Typed::Text(text) => {
                    let request = TypeTerminalRequest { session, text };
                    match client.call::<Nothing>("type_terminal", &request).await {
                        Ok(Nothing {}) => {}
                        // It does not run just now, or does not read: said, and it goes on.
                        Err(client::Error::Failed(failure)) if !closing(&failure) => {
                            self.say(&failure.message);
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
        // The own terminal is gone.
        Ok(Over::Interrupted(Interrupt::HungUp))
    }

    /// Makes the terminal as large as the own one, whenever that changes.
    async fn resizes(&self, client: &Client, session: u64) -> Result<Over, Ended> {
        let mut changed = signal(SignalKind::window_change()).map_err(Fail::from)?;
        while changed.recv().await.is_some() {
            if self.writes.get() {
                let size = size();
                let request = ResizeTerminalRequest { session, size };
                match client.call::<Nothing>("resize_terminal", &request).await {
                    Ok(Nothing {}) => {}
                    Err(client::Error::Failed(failure)) if !closing(&failure) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        std::future::pending().await
    }

    /// A line of our own in the midst of what comes out; in raw mode a line end does not return.
    fn say(&self, text: &str) {
        match self.types {
            true => note(&format!("\r\nazora: {text}\r")),
            false => note(&format!("azora: {text}")),
        }
    }
}

async fn detached(keys: &mut mpsc::Receiver<Vec<u8>>, parser: &mut Keys) {
    while let Some(bytes) = keys.recv().await {
        if let Typed::Detach = parser.next(&bytes) {
            return;
        }
    }
    std::future::pending().await
}

fn closing(failure: &model::view::Failure) -> bool {
    failure.code == model::view::Code::Closing
}

/// As large as the own terminal is.
fn size() -> TerminalSize {
    let own = rustix::termios::tcgetwinsize(io::stdout());
    let own = own.ok().filter(|own| own.ws_col >= 2 && own.ws_row >= 1);
    own.map_or(
        TerminalSize {
            columns: 80,
            rows: 24,
        },
        |own| TerminalSize {
            columns: own.ws_col.min(1000),
            rows: own.ws_row.min(500),
        },
    )
}

enum Ended {
    Engine(client::Error),
    Fail(Fail),
}

impl From<client::Error> for Ended {
    fn from(error: client::Error) -> Self {
        Ended::Engine(error)
    }
}

impl From<Fail> for Ended {
    fn from(fail: Fail) -> Self {
        Ended::Fail(fail)
    }
}
