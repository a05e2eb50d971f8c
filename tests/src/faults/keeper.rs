//! Who keeps a stack: what the bench asks of each, and Azora as one of them.

use super::graph::{SERVICES, Stack};
use crate::feed::Follow;
use crate::{Azora, Folder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What a keeper did or said, as it became known.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Starts of each service so far, the first included.
    pub starts: BTreeMap<String, usize>,
    /// The process of each that runs.
    pub pids: BTreeMap<String, u32>,
    /// What somebody would have been told of, in order.
    pub notes: Vec<Note>,
}

/// One thing somebody would have been told of.
#[derive(Debug, Clone)]
pub struct Note {
    /// When.
    pub at: Instant,
    /// Which number it has with its keeper: word of the same comes more than once.
    pub id: u64,
    /// The service that is named as the cause.
    pub service: String,
    /// In words.
    pub text: String,
    /// It turned out to be another's doing.
    pub closed: bool,
    /// It is over.
    pub over: bool,
}

/// Who keeps a stack.
pub trait Keeper: Send {
    /// As tables name it.
    fn name(&self) -> &'static str;
    /// What it keeps.
    fn stack(&self) -> &Stack;
    /// What happened so far.
    fn book(&self) -> Book;
    /// Changes a service's definition to one that it cannot start with, or all to what they should be.
    ///
    /// # Errors
    /// Why that cannot be.
    fn configure(&mut self, broken: Option<&'static str>) -> Result<(), String>;
    /// What a person does when the keeper has given a service up, after it was mended.
    fn release(&mut self, name: &str);
    /// Nothing is under way any more.
    fn quiet(&self) -> bool;

    /// The process of a service.
    fn pid(&self, name: &str) -> Option<u32> {
        self.book().pids.get(name).copied()
    }
}

/// Azora, with its events followed as anybody could.
pub struct Azoras {
    azora: Azora,
    stack: Stack,
    book: Arc<Mutex<Book>>,
    follow: Option<Follow>,
    /// Outlives what runs in it.
    _folder: Folder,
}

impl Azoras {
    /// Brings the stack up.
    pub fn begin(program: PathBuf, stack: Stack, folder: Folder) -> Self {
        let azora = Azora::with(program).env("AZORA_TRUST", "1");
        folder.define(&stack.definition());
        azora.up(folder.path());
        let book = Arc::<Mutex<Book>>::default();
        for (name, one) in azora.instances(folder.path()) {
            let name = name.trim_end_matches(".0").to_owned();
            let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
            book.starts.insert(name.clone(), 1);
            book.pids.insert(name, one.pid);
        }
        let written = Arc::clone(&book);
        let follow = Follow::of(&azora, folder.path(), move |what| {
            let mut book = written.lock().unwrap_or_else(PoisonError::into_inner);
            book.event(&what);
        });
        Self {
            azora,
            stack,
            book,
            follow: Some(follow),
            _folder: folder,
        }
    }

    /// Its home and program.
    pub fn azora(&self) -> &Azora {
        &self.azora
    }
}

impl Book {
    fn event(&mut self, what: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let service = |value: &Value| text(value).trim_end_matches(".0").to_owned();
        match what["kind"].as_str() {
            Some("started") => {
                let name = service(&what["instance"]);
                let pid = what["pid"].as_u64().unwrap_or(0) as u32;
                if self.pids.insert(name.clone(), pid) != Some(pid) {
                    *self.starts.entry(name).or_default() += 1;
                }
            }
            Some("exited") => {
                self.pids.remove(&service(&what["instance"]));
            }
            Some("incident") => {
                let incident = &what["incident"];
                let state = text(&incident["state"]);
                let id = incident["id"].as_u64().unwrap_or(0);
                let (closed, over) = (state == "closed", state != "open");
                match self.notes.iter_mut().find(|note| note.id == id) {
                    Some(note) => {
                        (note.closed, note.over) = (closed, over);
                        note.text = text(&incident["cause"]);
                        note.service = text(&incident["service"]);
                    }
                    None => self.notes.push(Note {
                        at: Instant::now(),
                        id,
                        service: text(&incident["service"]),
                        text: text(&incident["cause"]),
                        closed,
                        over,
                    }),
                }
            }
            _ => {}
        }
    }
}

impl Keeper for Azoras {
    fn name(&self) -> &'static str {
        "azora"
    }

    fn stack(&self) -> &Stack {
        &self.stack
    }

    fn book(&self) -> Book {
        self.book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn configure(&mut self, broken: Option<&'static str>) -> Result<(), String> {
        self.stack.broken = broken;
        let definition = self.stack.definition();
        std::fs::write(self.stack.folder.join("azora.toml"), definition)
            .map_err(|error| format!("failed to write the definition: {error}"))?;
        // It says that the service does not become ready: that is the fault.
        let mut up = self
            .azora
            .command(&self.stack.folder, &["up", ".", "--detach", "--trust"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to run azora up: {error}"))?;
        if broken.is_none() {
            return match up.wait() {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("failed to wait for azora up: {error}")),
            };
        }
        // Whoever edits does not wait; what waits for it ends with the stack.
        std::thread::spawn(move || up.wait());
        Ok(())
    }

    fn release(&mut self, name: &str) {
        self.azora.run(&self.stack.folder, &["release", name]);
    }

    fn quiet(&self) -> bool {
        let book = self.book();
        book.notes.iter().all(|note| note.over) && book.pids.len() == SERVICES.len()
    }
}

impl Drop for Azoras {
    fn drop(&mut self) {
        drop(self.follow.take());
        self.azora.run(&self.stack.folder, &["down"]);
    }
}
