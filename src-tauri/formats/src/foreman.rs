//! How the programs that run a `Procfile` are told what does not stand in it: `.foreman`, and the variables of
//! overmind in `.overmind.env` and `.env`.

use crate::variable;
use spec::Found;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Foreman's settings.
pub(crate) const FOREMAN: &str = ".foreman";
/// Overmind's own env file, which its processes get too.
pub(crate) const OVERMIND: &str = ".overmind.env";
/// The env file of all of them.
pub(crate) const ENV: &str = ".env";

/// Where ports begin and how far apart those of two processes are.
const PORT: u16 = 5000;
const STEP: u16 = 100;

/// What is said beside a `Procfile`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) port: u16,
    pub(crate) step: u16,
    /// How many of a process; under `all`, of every other one.
    pub(crate) formation: BTreeMap<String, u16>,
    /// Processes that may end by themselves.
    pub(crate) can_die: BTreeSet<String>,
    /// Processes that are left out.
    pub(crate) ignored: BTreeSet<String>,
    /// What asks a process to stop, without `SIG`.
    pub(crate) signals: BTreeMap<String, String>,
    /// How long one may take to stop.
    pub(crate) grace: Option<Duration>,
    /// Env files besides `.env`.
    pub(crate) env_files: Vec<String>,
    /// What was said and is not understood: the file, its line, and what.
    pub(crate) strange: Vec<(&'static str, usize, String)>,
    /// The line that is read.
    line: usize,
    /// Overmind is used here.
    pub(crate) overmind: bool,
    /// What holds for all is said of each: the services of other files are beside these.
    pub(crate) apart: bool,
}

impl Told {
    pub(crate) fn read(beside: &BTreeMap<String, Found>) -> Self {
        let mut told = Self {
            port: PORT,
            step: STEP,
            formation: BTreeMap::new(),
            can_die: BTreeSet::new(),
            ignored: BTreeSet::new(),
            signals: BTreeMap::new(),
            grace: None,
            env_files: Vec::new(),
            strange: Vec::new(),
            line: 1,
            overmind: matches!(beside.get(OVERMIND), Some(Found::Bytes(_))),
            apart: false,
        };
        // What counts least comes first.
        told.port_of(ENV, variable(beside, ENV, "PORT"));
        for file in [OVERMIND, ENV] {
            told.overmind_of(file, &|name| variable(beside, file, name));
        }
        if let Some(Found::Bytes(bytes)) = beside.get(FOREMAN) {
            told.foreman_of(&String::from_utf8_lossy(bytes));
        }
        told
    }

    /// How many of a process are wanted.
    pub(crate) fn count(&self, process: &str) -> u16 {
        let of = |name| self.formation.get(name).copied();
        of(process).or_else(|| of("all")).unwrap_or(1)
    }

    /// The port of the process that is number `index`, from 0; `None` beyond the last port there is.
    pub(crate) fn port_for(&self, index: usize) -> Option<u16> {
        let index = u16::try_from(index).ok()?;
        self.port.checked_add(self.step.checked_mul(index)?)
    }

    fn overmind_of(&mut self, file: &'static str, variable: &dyn Fn(&str) -> Option<String>) {
        self.port_of(file, variable("OVERMIND_PORT"));
        if let Some(step) = variable("OVERMIND_PORT_STEP") {
            match step.parse() {
                Ok(step) => self.step = step,
                Err(_) => self.stranger(file, format!("OVERMIND_PORT_STEP={step}")),
            }
        }
        if let Some(formation) = variable("OVERMIND_FORMATION") {
            self.formation_of(file, &formation);
        }
        for (name, into) in [
            ("OVERMIND_CAN_DIE", &mut self.can_die),
            ("OVERMIND_IGNORED_PROCESSES", &mut self.ignored),
        ] {
            let names = variable(name).unwrap_or_default();
            into.extend(words(&names).map(str::to_owned));
        }
        for pair in words(&variable("OVERMIND_STOP_SIGNALS").unwrap_or_default()) {
            match pair.split_once('=') {
                Some((process, signal)) => {
                    let signal = signal.strip_prefix("SIG").unwrap_or(signal);
                    self.signals.insert(process.to_owned(), signal.to_owned());
                }
                None => self.stranger(file, format!("OVERMIND_STOP_SIGNALS={pair}")),
            }
        }
        if let Some(seconds) = variable("OVERMIND_TIMEOUT") {
            self.grace_of(file, &seconds);
        }
    }

    /// `.foreman` is YAML, flat, of options and their values.
    fn foreman_of(&mut self, text: &str) {
        for (index, line) in text.lines().map(str::trim).enumerate() {
            self.line = index + 1;
            if line.is_empty() || line.starts_with('#') || line == "---" {
                continue;
            }
            let Some((key, value)) = line.split_once(':') else {
                self.stranger(FOREMAN, line.to_owned());
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            match key.trim().trim_start_matches(':') {
                "port" => self.port_of(FOREMAN, Some(value.to_owned())),
                "formation" | "concurrency" => self.formation_of(FOREMAN, value),
                "timeout" => self.grace_of(FOREMAN, value),
                "env" => self.env_files.extend(words(value).map(str::to_owned)),
                // How it looks in foreman.
                "color" => {}
                "procfile" => self.stranger(
                    FOREMAN,
                    format!("the file {value}, which is run by naming it to `azora up`,"),
                ),
                _ => self.stranger(FOREMAN, line.to_owned()),
            }
        }
    }

    fn port_of(&mut self, file: &'static str, port: Option<String>) {
        let Some(port) = port else { return };
        match port.parse() {
            Ok(port) if port > 0 => self.port = port,
            _ => self.stranger(file, format!("the port {port}")),
        }
    }

    fn formation_of(&mut self, file: &'static str, formation: &str) {
        for pair in words(formation) {
            let count = pair
                .split_once('=')
                .and_then(|(process, count)| Some((process.trim(), count.trim().parse().ok()?)));
            match count {
                Some((process, count)) => {
                    self.formation.insert(process.to_owned(), count);
                }
                None => self.stranger(file, format!("the formation {pair}")),
            }
        }
    }

    fn grace_of(&mut self, file: &'static str, seconds: &str) {
        match seconds.parse() {
            Ok(seconds @ 1..=3600) => self.grace = Some(Duration::from_secs(seconds)),
            _ => self.stranger(file, format!("the timeout {seconds}")),
        }
    }

    fn stranger(&mut self, file: &'static str, what: String) {
        self.strange.push((file, self.line, what));
    }
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}
