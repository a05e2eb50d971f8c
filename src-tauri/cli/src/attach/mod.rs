//! `azora attach`: the terminal of a service in one's own, until the detach keys are pressed.
//!
//! What comes out of it was made harmless by the engine. The own terminal is put back as it was however
//! this ends.

mod ends;
mod keys;
mod raw;

use crate::args::{Attach, Place};
use crate::fail::{Done, Fail};
use crate::logs::{LOOK, gone, next_engine};
use crate::place::Scene;
use crate::terminal::note;
use crate::watch::{Interrupt, Interrupts};
use crate::whom::instances;
use api::client::{self, Client, Messages};
use api::requests::{
    AttachRequest, Nothing, ResizeTerminalRequest, TakeTerminalRequest, TypeTerminalRequest,
};
use ends::Process;
use keys::{Heard, Typing};
use model::view::{TerminalMessage, TerminalSize, TerminalState};
use model::{ClusterId, InstanceId};
use raw::Raw;
use std::cell::Cell;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::pin::Pin;
use tokio::signal::unix::{SignalKind, signal};

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
        process: Cell::new(None),
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
    /// What was last heard of the service's process.
    process: Cell<Option<Process>>,
}

/// Why a session with one engine is over.
enum Over {
    /// The detach keys were pressed.
    Detached,
    Interrupted(Interrupt),
    /// The engine ended; services run on.
    Gone,
}

/// What is told the engine, while keys are heard.
type Call<'a> = Pin<Box<dyn Future<Output = Result<(), Ended>> + 'a>>;

impl Session<'_> {
    async fn run(&self, mut client: Client) -> Done {
        let there = io::stdin().is_terminal() && io::stdout().is_terminal();
        let mut interrupts = Interrupts::catch()?;
        let mut quit = signal(SignalKind::quit())?;
        let request = AttachRequest {
            cluster: self.cluster.clone(),
            instance: self.instance.clone(),
        };
        let mut messages = client.stream("attach", &request).await?;
        // From here on until it is dropped; nothing that ends this keeps it from that. The keys are said
        // only now: before, the terminal itself would have swallowed them.
        let raw = there.then(|| Raw::begin(self.types)).transpose()?;
        let (how, end) = match self.types {
            true => ("Ctrl-P Ctrl-Q lets go of it", "\r"),
            false => ("only looking on; Ctrl-C lets go of it", ""),
        };
        note(&format!(
            "azora: attached to {}; {how}, and it runs on{end}",
            self.instance
        ));
        let mut typing = match self.types {
            true => Typing::begin()?,
            false => Typing::none(),
        };
        let over = loop {
            let with = self.with(&client, &mut messages, &mut typing, raw.as_ref());
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
                loop {
                    client = next_engine(self.place).await?;
                    match client.stream("attach", &request).await {
                        Ok(again) => messages = again,
                        // What answered was the one that ends.
                        Err(error) if gone(&error) => {
                            tokio::time::sleep(LOOK).await;
                            continue;
                        }
                        Err(error) => return Err(Fail::from(error)),
                    }
                    return Ok::<(), Fail>(());
                }
            };
            tokio::select! {
                back = back => back?,
                interrupt = interrupts.next() => break Over::Interrupted(interrupt),
                // Nobody reads it, but who wants to go may go.
                left = left(&mut typing) => break left,
            }
            typing.forget();
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
        typing: &mut Typing,
        raw: Option<&Raw>,
    ) -> Done<Over> {
        let over = async {
            let Some(TerminalMessage::Attached { session, state, .. }) = messages.next().await?
            else {
                return Ok(Over::Gone);
            };
            self.hears(&state);
            if self.types {
                if let Some(writer) = &state.writer {
                    self.say(&format!(
                        "taking the input from who types there ({})",
                        writer.via
                    ));
                }
                tokio::select! {
                    taken = self.take(client, session) => taken?,
                    left = left(typing) => return Ok(left),
                }
            }
            let shows = self.shows(messages, session, raw);
            let types = self.types(client, session, typing);
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

    /// Says when the service's process has ended, and when there is another.
    fn hears(&self, state: &TerminalState) {
        let now = Process::of(state);
        if let Some(text) = now.since(self.process.replace(Some(now)), &self.instance) {
            self.say(&text);
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
                    self.hears(&state);
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

    /// Passes on what is typed, one piece after the other. Keys are heard meanwhile: an engine that does
    /// not answer keeps nobody from letting go.
    async fn types(
        &self,
        client: &Client,
        session: u64,
        typing: &mut Typing,
    ) -> Result<Over, Ended> {
        let mut call: Option<Call<'_>> = None;
        loop {
            if call.is_none() {
                if self.writes.get() {
                    let piece = typing.piece();
                    call = piece.map(|text| Box::pin(self.typed(client, session, text)) as _);
                } else if typing.forget().contains('\r') {
                    call = Some(Box::pin(self.taken_back(client, session)));
                }
            }
            let called = async {
                match &mut call {
                    Some(call) => call.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                called = called => {
                    call = None;
                    match called {
                        Ok(()) => {}
                        // It does not run just now, or does not read: said, and it goes on. What waits
                        // is not typed later, when nobody expects it.
                        Err(Ended::Engine(client::Error::Failed(failure))) if !closing(&failure) => {
                            typing.forget();
                            self.say(&failure.message);
                        }
                        Err(error) => return Err(error),
                    }
                }
                heard = typing.heard() => match heard {
                    Heard::Keys => {}
                    Heard::TooMuch(bytes) => self.say(&format!(
                        "that is too much at once for who reads it; {bytes} bytes were left out"
                    )),
                    Heard::Detach => return Ok(Over::Detached),
                    Heard::Gone => return Ok(Over::Interrupted(Interrupt::HungUp)),
                },
            }
        }
    }

    async fn typed(&self, client: &Client, session: u64, text: String) -> Result<(), Ended> {
        let request = TypeTerminalRequest { session, text };
        let Nothing {} = client.call("type_terminal", &request).await?;
        Ok(())
    }

    async fn taken_back(&self, client: &Client, session: u64) -> Result<(), Ended> {
        self.take(client, session).await?;
        self.say("the input is yours again");
        Ok(())
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

/// Until whoever types goes; what is typed meanwhile waits.
async fn left(typing: &mut Typing) -> Over {
    loop {
        match typing.heard().await {
            Heard::Keys | Heard::TooMuch(_) => {}
            Heard::Detach => return Over::Detached,
            Heard::Gone => return Over::Interrupted(Interrupt::HungUp),
        }
    }
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
