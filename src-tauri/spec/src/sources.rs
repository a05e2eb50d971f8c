//! Reading a definition with all the files it names, without opening one: the caller brings bytes,
//! and is told what further ones are needed.

use crate::cluster::Cluster;
use crate::problem::{Diagnostics, Problem, Problems, quoted};
use crate::read::EnvFileWanted;
use crate::{FILE, env_file, read_definition};
use std::collections::BTreeMap;

/// The files a definition consists of, as far as they were read.
#[derive(Debug, Clone)]
pub struct Sources {
    label: String,
    folder_name: String,
    definition: Vec<u8>,
    files: BTreeMap<String, Found>,
}

/// What was found where a file was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The file: its first bytes, one more than [`MAX_ENV_FILE`](crate::limits::MAX_ENV_FILE) at
    /// most.
    Bytes(Vec<u8>),
    /// Nothing.
    Absent,
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// How far reading came.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// All was there.
    Complete(Box<Cluster>),
    /// These files are needed as well, relative to the cluster's folder unless absolute.
    Needs(Vec<String>),
}

impl Sources {
    /// A definition alone. `folder_name` is the last part of the folder's path, from which a
    /// cluster without a name takes its own.
    pub fn new(folder_name: impl Into<String>, definition: Vec<u8>) -> Self {
        Self {
            label: FILE.to_owned(),
            folder_name: folder_name.into(),
            definition,
            files: BTreeMap::new(),
        }
    }

    /// How messages name the definition's file, when not `azora.toml`.
    #[must_use]
    pub fn named(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what was found where [`Reading::Needs`] said.
    pub fn add(&mut self, path: impl Into<String>, found: Found) {
        self.files.insert(path.into(), found);
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Everything that is wrong with the definition, or with its env files.
    pub fn read(&self) -> Result<Reading, Diagnostics> {
        let (mut cluster, wanted, text) =
            read_definition(&self.label, &self.folder_name, &self.definition)?;
        let missing: Vec<String> = wanted
            .iter()
            .map(|file| &file.path)
            .filter(|path| !self.files.contains_key(*path))
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Ok(Reading::Needs(missing));
        }
        let mut problems = Problems::default();
        let mut broken: Option<Diagnostics> = None;
        for file in &wanted {
            match self.files.get(&file.path) {
                Some(Found::Bytes(_)) if cluster.files.contains_key(&file.path) => {}
                Some(Found::Bytes(bytes)) => {
                    match self.env_file(&file.path, bytes) {
                        Ok(read) => {
                            cluster.files.insert(file.path.clone(), read);
                        }
                        Err(more) => match &mut broken {
                            Some(all) => all.append(more),
                            None => broken = Some(more),
                        },
                    };
                }
                Some(Found::Unreadable(why)) => refuse(&mut problems, file, why),
                Some(Found::Absent) | None if file.optional => {}
                Some(Found::Absent) | None => refuse(&mut problems, file, "there is no such file"),
            }
        }
        if !problems.is_empty() {
            let mut all = problems.into_diagnostics(&self.label, text);
            if let Some(more) = broken {
                all.append(more);
            }
            return Err(all);
        }
        match broken {
            Some(all) => Err(all),
            None => Ok(Reading::Complete(Box::new(cluster))),
        }
    }

    fn env_file(&self, path: &str, bytes: &[u8]) -> Result<env_file::EnvFile, Diagnostics> {
        let mut problems = Problems::default();
        let read = env_file::read(bytes, &mut problems);
        match read {
            Ok(read) if problems.is_empty() => Ok(read),
            Ok(_) => {
                // It was text, or it would not have been read.
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                Err(problems.into_diagnostics(path, text))
            }
            Err(shown) => Err(problems.into_diagnostics(path, &shown)),
        }
    }
}

fn refuse(problems: &mut Problems, file: &EnvFileWanted, why: &str) {
    problems.add(|| {
        Problem::new(
            file.span.clone(),
            format!("the env file {} cannot be read", quoted(&file.path)),
            why,
        )
        .help(
            "write it, take it out of `env_files`, or write \
             { file = \"…\", optional = true } when it need not be there",
        )
    });
}
