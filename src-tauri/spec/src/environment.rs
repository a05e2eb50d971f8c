//! What a definition and its env files make of a service's environment: which layer's word counts
//! for each variable, and where it was said.
//!
//! From the lowest to the highest: the terminal (which only the engine knows), the cluster's env
//! files, the service's, `[cluster.defaults.env]`, the service's `env` and `secrets`. What Azora
//! itself sets comes on top, and is the engine's business as well.

use crate::cluster::{Cluster, Secret, Service, Template};
use crate::env_file::{self, Line};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The environment that lies below, as far as it is known.
type Terminal<'t> = dyn Fn(&str) -> Option<String> + 't;

/// A variable as the definition or an env file sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable<'d> {
    /// To what.
    pub value: Value<'d>,
    /// Where.
    pub origin: Origin<'d>,
}

/// What a variable is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'d> {
    /// By an env file; all put in.
    Text(String),
    /// By the definition; references are put in when ports are known.
    Template(&'d Template),
    /// To what is read when the service starts.
    Secret(&'d Secret),
}

/// Where a variable is set. Any two lines of a file are equal, see [`Line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'d> {
    /// The file, as the definition names it.
    pub file: &'d str,
    /// The line.
    pub line: Line,
}

impl std::fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line.0 {
            0 => f.write_str(self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// The name of a file that is no `azora.toml`, of a definition that was made from one. Any two are equal: where a thing
/// stands says nothing about what it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SaidIn(pub Option<String>);

impl PartialEq for SaidIn {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SaidIn {}

impl Cluster {
    /// Says that it was made from a file, and the line there that each line of its text came from; 0 is none.
    pub fn made_from(&mut self, file: &str, line: impl Fn(Line) -> Line) {
        self.said_in = SaidIn(Some(file.to_owned()));
        for service in self.services.values_mut() {
            for one in service.lines.values_mut() {
                *one = line(*one);
            }
        }
    }

    /// What the cluster's own env files set, for what is run beside its services.
    pub fn file_variables(
        &self,
        terminal: &dyn Fn(&str) -> Option<String>,
    ) -> BTreeMap<String, String> {
        let mut settled = BTreeMap::new();
        for file in self
            .env_files
            .iter()
            .filter_map(|name| self.files.get(name))
        {
            env_file::settle(file, &mut settled, &|_| false, terminal);
        }
        let named = settled.into_iter();
        named
            .map(|(name, (value, _))| (name.to_owned(), value))
            .collect()
    }

    /// Every variable that the definition or an env file sets for a service of it. `terminal` knows
    /// the environment that lies below, for `${NAME}` in env files. A service that has a port gets
    /// its `PORT` from Azora, so what an env file says of it does not count.
    pub fn variables<'d>(
        &'d self,
        service: &'d Service,
        terminal: &dyn Fn(&str) -> Option<String>,
    ) -> BTreeMap<&'d str, Variable<'d>> {
        let mut variables = BTreeMap::new();
        let mut add = |name: &'d str, value, file: &'d str, line| {
            let origin = Origin { file, line };
            variables.insert(name, Variable { value, origin });
        };
        let mut settled = BTreeMap::new();
        let given = |name: &str| name == "PORT" && service.port.is_some();
        for name in self.env_files.iter().chain(&service.env_files) {
            let Some(file) = self.files.get(name) else {
                continue;
            };
            env_file::settle(file, &mut settled, &given, terminal);
            let names: BTreeSet<&str> = file.0.iter().map(|one| one.name.as_str()).collect();
            for variable in names {
                if let Some((value, line)) = settled.get(variable) {
                    add(variable, Value::Text(value.clone()), name, *line);
                }
            }
        }
        let own = self.said_in.0.as_deref().unwrap_or(crate::FILE);
        let line = |name: &str| service.lines.get(name).copied().unwrap_or_default();
        for (name, value) in &service.env {
            add(name, Value::Template(value), own, line(name));
        }
        for (name, secret) in &service.secrets {
            add(name, Value::Secret(secret), own, line(name));
        }
        variables
    }
}

/// The variables that a service's env files give another value in `new`, or gave one in `old`,
/// whatever the terminal's environment is.
pub(crate) fn changed_in_files<'d>(
    (old, before): (&'d Cluster, &'d Service),
    (new, after): (&'d Cluster, &'d Service),
) -> BTreeSet<&'d str> {
    let same_files = old.env_files == new.env_files
        && before.env_files == after.env_files
        && old.files == new.files;
    if same_files {
        return BTreeSet::new();
    }
    // Once as if the terminal set nothing, once as if it set everything to something of its own.
    let nothing = |_: &str| None;
    let everything = |name: &str| Some(format!("\0{name}"));
    let mut changed = BTreeSet::new();
    for terminal in [&nothing as &Terminal<'_>, &everything] {
        let before = old.variables(before, terminal);
        let after = new.variables(after, terminal);
        let text = |variables: &BTreeMap<&str, Variable<'_>>, name: &str| match variables.get(name)
        {
            Some(Variable {
                value: Value::Text(text),
                ..
            }) => Some(text.clone()),
            _ => None,
        };
        for name in before.keys().chain(after.keys()) {
            if text(&before, name) != text(&after, name) {
                changed.insert(*name);
            }
        }
    }
    changed
}

/// A process made from `before` has another environment than `after` describes, the terminal's
/// aside.
pub fn environment_differs(
    (old, before): (&Cluster, &Service),
    (new, after): (&Cluster, &Service),
) -> bool {
    before.env != after.env
        || before.secrets != after.secrets
        || !changed_in_files((old, before), (new, after)).is_empty()
}
