//! Several files as one definition: a `compose.yaml` for what a project needs and a `Procfile` for what it is.
//!
//! Each file is read with what the others have taken ([`Others`]), and says of each of its services what else would hold
//! for the whole cluster. So nothing of one file holds for the services of another. What cannot stand beside each other
//! is refused, and both places are named.

use crate::{Imported, Note};
use std::collections::BTreeMap;
use std::fmt;

/// Ports of a file that begins where another one does begin this much higher, or a multiple of it.
const APART: u16 = 1_000;

/// What the other files of the same definition have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// Their services, and where each stands.
    services: BTreeMap<String, String>,
    /// Their ports, and whose each is.
    ports: BTreeMap<u16, String>,
}

impl Others {
    /// Where a service of this name stands.
    pub(crate) fn service(&self, name: &str) -> Option<&str> {
        self.services.get(name).map(String::as_str)
    }

    /// The service that has a port.
    pub(crate) fn port(&self, port: u16) -> Option<&str> {
        self.ports.get(&port).map(String::as_str)
    }

    /// How much higher ports begin, so that none of them is one of the others.
    pub(crate) fn apart(&self, ports: impl Iterator<Item = u16> + Clone) -> u16 {
        let free = |more: &u16| {
            let mut moved = ports.clone().map(|port| port.checked_add(*more));
            moved.all(|port| port.is_none_or(|port| !self.ports.contains_key(&port)))
        };
        // Where they would leave no room they stay: a port that is taken is another one when it is brought up.
        (0..=u16::MAX / APART)
            .map(|nth| nth * APART)
            .find(free)
            .unwrap_or(0)
    }
}

/// Two files define the same, each in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    what: String,
    first: String,
    second: String,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            first,
            second,
        } = self;
        write!(
            f,
            "{what} is defined in {first} and otherwise in {second}; give one of them another name"
        )
    }
}

impl std::error::Error for Clash {}

/// A network or volume: its lines, and the file that has them.
#[derive(Debug)]
struct Shared {
    lines: String,
    file: String,
}

/// A definition that is put together.
#[derive(Debug, Default)]
pub struct Together {
    /// The cluster's name, and the file that says it.
    name: Option<(String, String)>,
    shared: BTreeMap<String, Shared>,
    services: Vec<String>,
    notes: Vec<Note>,
    beside: Vec<String>,
    others: Others,
}

impl Together {
    /// What the next file is read with.
    #[must_use]
    pub fn others(&self) -> &Others {
        &self.others
    }

    /// Adds what a file became that was read with [`others`](Self::others).
    ///
    /// # Errors
    /// That a network or volume is another one in an earlier file, or that two files that keep their names have one
    /// service.
    pub fn add(&mut self, file: &str, imported: Imported) -> Result<(), Clash> {
        self.notes.extend(imported.notes);
        self.beside.extend(imported.beside);
        let mut own = Vec::new();
        for block in imported.text.trim_end().split("\n\n") {
            let table = table(block);
            match table.and_then(|table| table.split_once('.')) {
                None if table == Some("cluster") => self.named(block, file),
                Some(("cluster", name)) => self.share(name, block, file)?,
                Some(("service", name)) => {
                    self.service(name, block, file)?;
                    own.push(block);
                }
                // A comment: what was left out, or the heading of the file.
                _ => own.push(block),
            }
        }
        self.services.push(own.join("\n\n"));
        Ok(())
    }

    fn named(&mut self, block: &str, file: &str) {
        let line = block.lines().find_map(|line| line.strip_prefix("name = "));
        let Some(name) = line else { return };
        match &self.name {
            None => self.name = Some((name.to_owned(), file.to_owned())),
            Some((known, _)) if known == name => {}
            Some((known, first)) => self.notes.push(Note {
                file: file.to_owned(),
                line: 1,
                says: format!("the name {name} is passed over: {first} calls the cluster {known}"),
            }),
        }
    }

    fn share(&mut self, name: &str, block: &str, file: &str) -> Result<(), Clash> {
        match self.shared.get(name) {
            None => {
                let shared = Shared {
                    lines: block.to_owned(),
                    file: file.to_owned(),
                };
                self.shared.insert(name.to_owned(), shared);
                Ok(())
            }
            Some(first) if first.lines == block => Ok(()),
            Some(first) => Err(Clash {
                what: name.to_owned(),
                first: first.file.clone(),
                second: file.to_owned(),
            }),
        }
    }

    /// Notes what a service takes.
    fn service(&mut self, name: &str, block: &str, file: &str) -> Result<(), Clash> {
        if name.contains('.') {
            // A table of a service that was noted.
            return Ok(());
        }
        let place = block.lines().find_map(|line| line.strip_prefix("# "));
        let place = place.filter(|place| place.starts_with(file));
        let place = place.unwrap_or(file).to_owned();
        let before = self.others.services.insert(name.to_owned(), place.clone());
        if let Some(first) = before {
            return Err(Clash {
                what: format!("service {name}"),
                first,
                second: place,
            });
        }
        let port = block.lines().find_map(|line| line.strip_prefix("port = "));
        let digits = port.map(|port| port.trim_start_matches("{ number = "));
        let digits = digits.map(|port| port.split([',', ' ']).next().unwrap_or(port));
        if let Some(port @ 1..) = digits.and_then(|digits| digits.parse().ok()) {
            self.others.ports.entry(port).or_insert(name.to_owned());
        }
        Ok(())
    }

    /// All of it as one definition.
    #[must_use]
    pub fn done(self) -> Imported {
        let mut blocks = vec!["[cluster]".to_owned()];
        if let Some((name, _)) = &self.name {
            blocks[0].push_str(&format!("\nname = {name}"));
        }
        blocks[0].push_str(
            "\n# Each service names the env files that its own file has.\nenv_files = []",
        );
        blocks.extend(self.shared.into_values().map(|shared| shared.lines));
        blocks.extend(self.services);
        let mut notes = self.notes;
        notes.sort();
        notes.dedup();
        let mut beside = self.beside;
        beside.sort();
        beside.dedup();
        Imported {
            text: blocks.join("\n\n") + "\n",
            notes,
            beside,
            origins: Vec::new(),
        }
    }
}

/// The first table of a block.
fn table(block: &str) -> Option<&str> {
    let line = block.lines().find(|line| line.starts_with('['))?;
    line.strip_prefix('[')?.strip_suffix(']')
}
