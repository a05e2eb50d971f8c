//! Who is attached to the terminals of services, and who of them types.
//!
//! Everybody sees what comes out, which is read from the log: a service never waits for somebody who
//! looks on. One types at a time. Who takes the input takes it from whoever has it, so that one who has
//! left a window open keeps nobody out; both are told. Taking it is an act and passes the door; what is
//! typed then is not written down, because passwords are typed as well.

use crate::Error;
use crate::clock::Clock;
use crate::handle::Handle;
use crate::shared::Shared;
use driver::{NoTerminal, Size};
use model::view::{TerminalEnd, TerminalMessage, TerminalSize, TerminalState, TerminalWriter};
use model::{Actor, ClusterId, ExitStatus, InstanceId, Outcome, Target, Verb};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use telemetry::logs::Output;
use tokio::sync::{mpsc, watch};

/// Most who are attached at once, over all services: each has the kernel watch a log for it.
const MAX_SESSIONS: usize = 32;
/// Pieces that wait for a slow reader; what comes after them waits in the log.
const WAITING: usize = 8;
/// Most that is typed at once, in bytes: a large paste comes in several.
const MAX_TYPED: usize = 64 << 10;
/// As a terminal is made.
const USUAL: TerminalSize = TerminalSize {
    columns: 80,
    rows: 24,
};

type Key = (ClusterId, InstanceId);

/// See the module.
#[derive(Default)]
pub(crate) struct Terminals(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    last: u64,
    sessions: BTreeMap<u64, Key>,
    /// Of each terminal that somebody is attached to.
    states: BTreeMap<Key, watch::Sender<TerminalState>>,
}

impl Terminals {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is attached from now on. `size` and `runs` count for the first only; the latter is asked
    /// when it can be told of every change that comes after.
    pub(crate) fn join(
        &self,
        key: &Key,
        size: TerminalSize,
        runs: impl FnOnce() -> bool,
    ) -> Result<(u64, watch::Receiver<TerminalState>), Error> {
        let mut inner = self.lock();
        if inner.sessions.len() >= MAX_SESSIONS {
            return Err(Error::Conflict(format!(
                "{MAX_SESSIONS} are attached to terminals already; let go of one"
            )));
        }
        inner.last += 1;
        let session = inner.last;
        inner.sessions.insert(session, key.clone());
        let states = inner.states.entry(key.clone());
        let states = states.or_insert_with(|| {
            watch::Sender::new(TerminalState {
                size,
                writer: None,
                runs: runs(),
                ended: None,
            })
        });
        Ok((session, states.subscribe()))
    }

    /// Somebody is attached no longer.
    fn part(&self, session: u64) {
        let mut inner = self.lock();
        let Some(key) = inner.sessions.remove(&session) else {
            return;
        };
        let alone = !inner.sessions.values().any(|other| *other == key);
        if let Entry::Occupied(states) = inner.states.entry(key) {
            match alone {
                true => drop(states.remove()),
                false => leave(states.get(), session),
            }
        }
    }

    /// At which terminal a session is, and how it stands there.
    fn of(&self, session: u64) -> Result<(Key, TerminalState), Error> {
        let inner = self.lock();
        let key = inner.sessions.get(&session).cloned();
        let state = |key: &Key| Some(inner.states.get(key)?.borrow().clone());
        let found = key.and_then(|key| Some((state(&key)?, key)));
        found
            .map(|(state, key)| (key, state))
            .ok_or_else(|| Error::Conflict("this terminal was let go of; attach again".to_owned()))
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut TerminalState)) {
        if let Some(states) = self.lock().states.get(key) {
            states.send_modify(change);
        }
    }

    /// Who came in the moment in which a process ended or began has not heard it otherwise.
    fn pictured(
        &self,
        cluster: &ClusterId,
        changed: &BTreeSet<InstanceId>,
        runs: impl Fn(&InstanceId) -> bool,
    ) {
        for ((of, instance), states) in &self.lock().states {
            if of == cluster && changed.contains(instance) {
                let runs = runs(instance);
                states.send_if_modified(|state| std::mem::replace(&mut state.runs, runs) != runs);
            }
        }
    }
}

/// An instance was started: a new keeper has made its terminal anew, and who types has it in their size.
pub(crate) fn started(shared: &Arc<Shared>, cluster: &ClusterId, instance: &InstanceId) {
    let key = (cluster.clone(), instance.clone());
    shared.terminals.change(&key, |state| state.runs = true);
    let wanted = {
        let inner = shared.terminals.lock();
        let state = inner.states.get(&key).map(|states| states.borrow().clone());
        state.filter(|state| state.writer.is_some())
    };
    let Some(TerminalState { size, .. }) = wanted else {
        return;
    };
    let keeping = Arc::clone(shared);
    shared.tasks.spawn(async move {
        let terminal = keeping.driver.terminal(&key.0, &key.1).await;
        let sized = terminal.and_then(|terminal| match terminal.size()? {
            now if shown(now) == size => Ok(()),
            _ => terminal.resize(wanted_size(size)),
        });
        if let Err(error) = sized {
            tracing::debug!(instance = %key.1, %error, "its new terminal was not resized");
        }
    });
}

/// An instance's process has ended: who is attached is told how, and stays to see the next.
pub(crate) fn ended(
    shared: &Shared,
    cluster: &ClusterId,
    instance: &InstanceId,
    status: ExitStatus,
) {
    let key = (cluster.clone(), instance.clone());
    let at = Clock::wall();
    shared.terminals.change(&key, |state| {
        state.runs = false;
        state.ended = Some(TerminalEnd { at, status });
    });
}

/// The picture was told of these instances: who is attached to them hears the same.
pub(crate) fn pictured(shared: &Shared, cluster: &ClusterId, changed: &BTreeSet<InstanceId>) {
    let runs = |instance: &InstanceId| shared.picture.runs(cluster, instance);
    shared.terminals.pictured(cluster, changed, runs);
}

/// This session has the input.
fn types(state: &TerminalState, session: u64) -> bool {
    let writer = state.writer.as_ref();
    writer.is_some_and(|writer| writer.session == session)
}

/// Nobody types any more, if it was this session.
fn leave(states: &watch::Sender<TerminalState>, session: u64) {
    states.send_if_modified(|state| {
        let its = |writer: &mut TerminalWriter| writer.session == session;
        state.writer.take_if(its).is_some()
    });
}

/// A session, for as long as its reader is there.
struct Session {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.terminals.part(self.id);
    }
}

impl Handle {
    /// Attaches to the terminal of an instance, to look on: what it shows now and all that comes, until
    /// the receiver is dropped.
    ///
    /// # Errors
    /// That there is no such instance, or that it has no terminal by its definition.
    pub async fn attach(
        &self,
        cluster: ClusterId,
        instance: InstanceId,
    ) -> Result<mpsc::Receiver<TerminalMessage>, Error> {
        let definition = self.running_definition(&cluster).await?;
        let Some(service) = definition.services.get(&instance.service) else {
            return Err(Error::NoInstance { cluster, instance });
        };
        if service.runs.container().is_some() {
            return Err(Error::Conflict(format!(
                "{instance} is a container, and only its daemon has its terminal: `docker exec -it {} sh`, or `podman`",
                driver_docker::container_name(&cluster, &instance),
            )));
        }
        if !service.tty {
            return Err(Error::Conflict(format!(
                "{0} has no terminal; write `tty = true` below [service.{0}] in {1} and bring it up again",
                instance.service,
                spec::FILE,
            )));
        }
        let there = self.shared.picture.instances(&cluster);
        if !there.iter().any(|one| one.instance == instance) {
            return Err(Error::NoInstance { cluster, instance });
        }
        let size = match self.shared.driver.terminal(&cluster, &instance).await {
            Ok(terminal) => terminal.size().map_or(USUAL, shown),
            // It does not run, or can be looked at all the same.
            Err(_) => USUAL,
        };
        let folder = self.shared.layout.logs(&cluster, &instance);
        let key = (cluster, instance.clone());
        let runs = || self.shared.picture.runs(&key.0, &key.1);
        let (id, states) = self.shared.terminals.join(&key, size, runs)?;
        let shared = Arc::clone(&self.shared);
        let session = Session { shared, id };
        let (sender, receiver) = mpsc::channel(WAITING);
        let cancel = self.shared.cancel.clone();
        self.shared.tasks.spawn(async move {
            let show = show(&session, instance, states, Output::of(folder), &sender);
            tokio::select! {
                () = cancel.cancelled() => {}
                () = sender.closed() => {}
                () = show => {}
            }
        });
        Ok(receiver)
    }

    /// Takes the input of a terminal, from whoever has it, and makes it so large.
    ///
    /// # Errors
    /// What the door says, or that there is no terminal now.
    pub async fn take_terminal(
        &self,
        actor: Actor,
        session: u64,
        size: TerminalSize,
        reason: String,
    ) -> Result<TerminalState, Error> {
        let size = within(size)?;
        let (key, _) = self.shared.terminals.of(session)?;
        let target = Target {
            cluster: Some(key.0.clone()),
            services: vec![key.1.service.clone()],
            instance: Some(key.1.clone()),
        };
        let via = actor.via.clone();
        let act = self.admit(actor, Verb::Attach, target, &reason).await?;
        let taken = self.sized(&key, size).await;
        self.conclude(act.id, &taken);
        taken?;
        let since = Clock::wall();
        self.shared.terminals.change(&key, |state| {
            state.size = size;
            state.writer = Some(TerminalWriter {
                session,
                via,
                since,
            });
        });
        let done = format!("types at the terminal of {}", key.1);
        self.shared.door.finish(act.id, Outcome::Done(done));
        Ok(self.shared.terminals.of(session)?.1)
    }

    /// Types, as whoever has the input.
    ///
    /// # Errors
    /// That somebody else has it, that there is no terminal now, or that nobody reads there.
    pub async fn type_terminal(&self, session: u64, text: String) -> Result<(), Error> {
        if text.len() > MAX_TYPED {
            return Err(Error::BadRequest(format!(
                "at most {MAX_TYPED} bytes are typed at once, these are {}",
                text.len()
            )));
        }
        let (key, state) = self.writer(session)?;
        let terminal = self.shared.driver.terminal(&key.0, &key.1).await;
        let terminal = terminal.map_err(|error| refused(&key, error))?;
        // A new shim has made a new one, as large as they are made.
        if terminal.size().map(shown).ok() != Some(state.size) {
            let resized = terminal.resize(wanted_size(state.size));
            resized.map_err(|error| refused(&key, error))?;
        }
        let written = terminal.write(text.as_bytes()).await;
        written.map_err(|error| refused(&key, error))
    }

    /// Makes the terminal so large, as whoever has the input.
    ///
    /// # Errors
    /// As [`Handle::type_terminal`].
    pub async fn resize_terminal(&self, session: u64, size: TerminalSize) -> Result<(), Error> {
        let size = within(size)?;
        let (key, _) = self.writer(session)?;
        self.sized(&key, size).await?;
        self.shared
            .terminals
            .change(&key, |state| state.size = size);
        Ok(())
    }

    /// Lets go of the input, and looks on.
    ///
    /// # Errors
    /// That the session is over.
    pub fn leave_terminal(&self, session: u64) -> Result<TerminalState, Error> {
        let terminals = &self.shared.terminals;
        let (key, _) = terminals.of(session)?;
        if let Some(states) = terminals.lock().states.get(&key) {
            leave(states, session);
        }
        Ok(terminals.of(session)?.1)
    }

    /// Where this session types.
    fn writer(&self, session: u64) -> Result<(Key, TerminalState), Error> {
        let (key, state) = self.shared.terminals.of(session)?;
        match &state.writer {
            _ if types(&state, session) => Ok((key, state)),
            Some(writer) => Err(Error::Conflict(format!(
                "somebody else types at {} now ({}); take the input back to type",
                key.1, writer.via
            ))),
            None => Err(Error::Conflict(format!(
                "this only looks on at {}; take the input to type",
                key.1
            ))),
        }
    }

    async fn sized(&self, key: &Key, size: TerminalSize) -> Result<(), Error> {
        let terminal = self.shared.driver.terminal(&key.0, &key.1).await;
        let sized = terminal.and_then(|terminal| terminal.resize(wanted_size(size)));
        sized.map_err(|error| refused(key, error))
    }
}

/// Sends what there is to see, until the reader is gone.
async fn show(
    session: &Session,
    instance: InstanceId,
    mut states: watch::Receiver<TerminalState>,
    mut output: Output,
    sender: &mpsc::Sender<TerminalMessage>,
) {
    let attached = TerminalMessage::Attached {
        session: session.id,
        instance: instance.clone(),
        state: states.borrow_and_update().clone(),
    };
    let mut send = sender.send(attached).await.is_ok();
    while send {
        let types = types(&states.borrow(), session.id);
        let messages = tokio::select! {
            biased;
            changed = states.changed() => match changed {
                Ok(()) => vec![TerminalMessage::State { state: states.borrow_and_update().clone() }],
                Err(_) => return,
            },
            piece = output.next(types) => match piece {
                Ok(piece) => {
                    let skipped = (piece.skipped > 0).then_some(TerminalMessage::Skipped { bytes: piece.skipped });
                    let text = (!piece.text.is_empty()).then_some(TerminalMessage::Output { text: piece.text });
                    skipped.into_iter().chain(text).collect()
                }
                Err(error) => {
                    tracing::warn!(%instance, %error, "failed to show a terminal");
                    return;
                }
            },
        };
        for message in messages {
            send &= sender.send(message).await.is_ok();
        }
    }
}

fn refused((_, instance): &Key, error: NoTerminal) -> Error {
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    Error::Conflict(format!("{instance}: {error}{}", source.unwrap_or_default()))
}

fn within(size: TerminalSize) -> Result<TerminalSize, Error> {
    match (size.columns, size.rows) {
        (2..=1000, 1..=500) => Ok(size),
        (columns, rows) => Err(Error::BadRequest(format!(
            "a terminal has 2 to 1000 columns and 1 to 500 rows, and not {columns} and {rows}"
        ))),
    }
}

fn shown(size: Size) -> TerminalSize {
    TerminalSize {
        columns: size.columns,
        rows: size.rows,
    }
}

fn wanted_size(size: TerminalSize) -> Size {
    Size {
        columns: size.columns,
        rows: size.rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_while_the_picture_was_behind_hears_what_it_shows_next() {
        let terminals = Terminals::default();
        let shop: ClusterId = "shop-1".parse().unwrap();
        let other: ClusterId = "other-1".parse().unwrap();
        let api: InstanceId = "api.0".parse().unwrap();
        let key = (shop.clone(), api.clone());
        let (_, mut states) = terminals.join(&key, USUAL, || true).unwrap();
        let changed = BTreeSet::from([api]);
        terminals.pictured(&other, &changed, |_| false);
        terminals.pictured(&shop, &BTreeSet::new(), |_| false);
        terminals.pictured(&shop, &changed, |_| true);
        assert!(!states.has_changed().unwrap(), "nothing new was told");
        terminals.pictured(&shop, &changed, |_| false);
        assert!(states.has_changed().unwrap());
        assert!(!states.borrow_and_update().runs);
    }
}
