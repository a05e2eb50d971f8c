//! `heal`, `stop` and `log`: what may be done to a service, how it is ended, what stays of it.

use super::Reader;
use super::keys::{HEAL, LOG, STOP};
use super::values::Layers;
use crate::cluster::{Log, Stop, StopSignal};
use crate::container::Runs;
use crate::document::{Entry, Table, Value, ValueKind};
use crate::heal::{Backoff, Budget, Heal, Rung};
use crate::limits::MAX_STEPS;
use crate::problem::quoted;
use crate::suggest;
use model::{RemedyKind, ServiceName};
use std::time::Duration;

const SIGNALS: [(&str, StopSignal); 7] = [
    ("TERM", StopSignal::Term),
    ("INT", StopSignal::Int),
    ("QUIT", StopSignal::Quit),
    ("HUP", StopSignal::Hup),
    ("USR1", StopSignal::Usr1),
    ("USR2", StopSignal::Usr2),
    ("KILL", StopSignal::Kill),
];

/// What a container can be asked with besides.
const MORE_SIGNALS: [&str; 24] = [
    "ILL", "TRAP", "ABRT", "BUS", "FPE", "SEGV", "PIPE", "ALRM", "STKFLT", "CHLD", "CONT", "STOP",
    "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

pub(super) const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Some screens full; below it a log is hardly one.
const LEAST_LOG: u64 = 64_000;
const MOST_LOG: u64 = 1_000_000_000_000;

static EMPTY: Table = Table {
    entries: Vec::new(),
};

impl Default for Heal {
    fn default() -> Self {
        let times = |remedy, times| Rung {
            times: Some(times),
            ..Rung::from(remedy)
        };
        Self {
            // Most crashes are over with a restart. What is not may need what it needs to be well,
            // and then what it needs may be what is not well.
            ladder: vec![
                times(RemedyKind::Restart, 2),
                // Three failures in a row after an edit are the edit's: the same number opens the
                // circuit. There is such a rung only after an edit.
                RemedyKind::Rollback.into(),
                times(RemedyKind::Restart, 3),
                times(RemedyKind::GracefulRestart, 2),
                // What the budget has left: two. A person who gives it more means more tries.
                RemedyKind::RestartNeeds.into(),
                RemedyKind::Quarantine.into(),
            ],
            // The whole ladder, and no more of it in the time in which a person should be looking.
            budget: Budget {
                count: 9,
                per: Duration::from_secs(1_800),
            },
            backoff: Backoff::default(),
            settle: crate::heal::settle(),
            circuit: crate::heal::circuit(),
            enabled: true,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        // Two at once, since most crashes are over when they are seen; then as long as a port or a
        // disk takes; then rarely enough not to load a machine that has a lasting fault.
        let steps = [0, 0, 1, 5, 15, 30, 60].map(Duration::from_secs).to_vec();
        Self {
            steps,
            reset_after: Duration::from_secs(600),
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            command: None,
            signal: Some(StopSignal::Term),
            grace: Duration::from_secs(10),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        // Days of an ordinary service, and a thousand services still fit on a laptop's disk.
        Self {
            keep: Some(64_000_000),
        }
    }
}

impl Reader<'_> {
    /// The tables of a key that may stand in a service and in the cluster's defaults.
    pub(super) fn layers<'v>(
        &mut self,
        own: Option<&'v Entry>,
        default: Option<&'v Entry>,
        keys: &super::keys::Keys,
        help: &str,
    ) -> Layers<'v> {
        let mut table = |entry: Option<&'v Entry>| {
            let table = self.table(&entry?.value, keys.table, help)?;
            self.known_keys(table, keys);
            Some(table)
        };
        let (own, default) = (table(own), table(default));
        Layers {
            own: own.unwrap_or(&EMPTY),
            default,
        }
    }

    /// Reads `heal`, laid over the cluster's default.
    pub(super) fn heal(&mut self, own: Option<&Entry>, default: Option<&Entry>) -> Heal {
        const HELP: &str = "write it like this: heal = { budget = \"9 per 30m\" }; heal = { enabled = false } only reports";
        let layers = self.layers(own, default, &HEAL, HELP);
        let mut heal = Heal::default();
        let mut written = None;
        if let Some(entry) = layers.get("ladder")
            && let Some(ladder) = self.ladder(&entry.value)
        {
            heal.ladder = ladder;
            written = Some(entry);
        }
        if let Some(budget) = layers
            .get("budget")
            .and_then(|entry| self.budget(&entry.value))
        {
            heal.budget = budget;
        }
        if let Some(steps) = layers
            .get("backoff")
            .and_then(|entry| self.backoff(&entry.value))
        {
            heal.backoff.steps = steps;
        }
        if let Some(entry) = layers.get("reset_after") {
            let range = Duration::from_millis(1)..=WEEK;
            if let Some(found) = self.duration(&entry.value, "`reset_after`", range) {
                heal.backoff.reset_after = found;
            }
        }
        if let Some(entry) = layers.get("settle") {
            let range = Duration::ZERO..=DAY;
            if let Some(found) = self.duration(&entry.value, "`settle`", range) {
                heal.settle = found;
            }
        }
        if let Some(entry) = layers.get("circuit") {
            heal.circuit = match entry.value.kind {
                ValueKind::Boolean(false) => None,
                _ => {
                    let help = "so many failures in a row: circuit = 3; circuit = false has none";
                    let found = self.number(&entry.value, "`circuit`", 1..=1_000, help);
                    found.or(heal.circuit)
                }
            };
        }
        if let Some(entry) = layers.get("enabled") {
            heal.enabled = self.flag(&entry.value, "`enabled`").unwrap_or(true);
        }
        // A service may have less of a budget than the ladder that it shares with others was made for.
        let together = layers.own.get("ladder").is_some() || layers.own.get("budget").is_none();
        if let Some(entry) = written.filter(|_| together) {
            self.all_tried(&entry.value, &heal);
        }
        heal
    }

    fn budget(&mut self, value: &Value) -> Option<Budget> {
        const HELP: &str = "write how many restarts in how long: budget = \"9 per 30m\"";
        let ValueKind::Text(text) = &value.kind else {
            self.wrong("`budget`", value, "a text", HELP);
            return None;
        };
        let mut words = text.split_whitespace();
        let (Some(count), Some("per"), Some(per), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            self.refuse(
                &value.span,
                format!("{} is not a budget", quoted(text)),
                "not of the form \"9 per 30m\"",
                HELP,
            );
            return None;
        };
        let Some(count) = count
            .parse::<u32>()
            .ok()
            .filter(|count| (1..=1_000).contains(count))
        else {
            let help = if count == "0" {
                "to have nothing restarted write heal = { enabled = false }"
            } else {
                HELP
            };
            self.refuse(
                &value.span,
                format!("a budget is 1 to 1000 restarts, not {}", quoted(count)),
                "out of range",
                help,
            );
            return None;
        };
        let range = Duration::from_millis(100)..=WEEK;
        let per = self.duration_text(per, &value.span, "the time of `budget`", range)?;
        Some(Budget { count, per })
    }

    fn backoff(&mut self, value: &Value) -> Option<Vec<Duration>> {
        let items = self.list(
            value,
            "`backoff`",
            MAX_STEPS,
            "backoff = [\"0s\", \"1s\", \"10s\"]",
        )?;
        if items.is_empty() {
            self.refuse(
                &value.span,
                "`backoff` is empty".into(),
                "no wait in here",
                "write backoff = [\"0s\"] to restart at once",
            );
            return None;
        }
        let wait = |item| self.duration(item, "a wait of `backoff`", Duration::ZERO..=DAY);
        // Every wait is looked at before one that is wrong spoils the list.
        let waits: Vec<Option<Duration>> = items.iter().map(wait).collect();
        waits.into_iter().collect()
    }

    /// Reads `stop`, laid over the cluster's default.
    pub(super) fn stop(
        &mut self,
        service: &ServiceName,
        own: Option<&Entry>,
        default: Option<&Entry>,
        runs: &mut Runs,
    ) -> Stop {
        let layers = self.layers(
            own,
            default,
            &STOP,
            "write it like this: stop = { signal = \"INT\", grace = \"10s\" }",
        );
        let mut stop = Stop::default();
        if runs.container().is_some() {
            // What its image says.
            stop.signal = None;
        }
        if let Some(entry) = layers.get("command") {
            stop.command = self.run(service, &entry.value, "`command`");
        }
        if let Some(entry) = layers.get("signal") {
            let signal = match &entry.value.kind {
                ValueKind::Text(text) => SIGNALS
                    .iter()
                    .find(|(word, _)| text.strip_prefix("SIG").unwrap_or(text) == *word)
                    .map(|(_, signal)| *signal),
                _ => None,
            };
            if let (None, Runs::Container(container), ValueKind::Text(text)) =
                (signal, &mut *runs, &entry.value.kind)
            {
                container.stop_signal = self.other_signal(text, &entry.value);
            } else {
                stop.signal = signal
                    .or_else(|| self.word(&entry.value, "`signal`", &SIGNALS))
                    .or(stop.signal);
            }
        }
        if let Some(entry) = layers.get("grace") {
            let range = Duration::ZERO..=Duration::from_secs(3_600);
            stop.grace = self
                .duration(&entry.value, "`grace`", range)
                .unwrap_or(stop.grace);
        }
        stop
    }

    /// A signal of a container that processes are not stopped with: by name, with `SIG`, or by number.
    fn other_signal(&mut self, text: &str, value: &Value) -> Option<String> {
        if text
            .parse::<u8>()
            .is_ok_and(|number| (1..=64).contains(&number))
        {
            return Some(text.to_owned());
        }
        let upper = text.to_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let real_time = ["RTMIN", "RTMAX"].iter().any(|word| {
            let rest = name.strip_prefix(word);
            let count = |rest: &str| rest[1..].parse::<u8>().is_ok_and(|count| count <= 30);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-']) && count(rest))
        });
        if real_time || MORE_SIGNALS.contains(&name) {
            return Some(format!("SIG{name}"));
        }
        let known = SIGNALS.iter().map(|(word, _)| *word).chain(MORE_SIGNALS);
        let help = match suggest::nearest(name, known) {
            Some(nearest) => format!("did you mean \"{nearest}\"?"),
            None => {
                "write it by name, signal = \"WINCH\", or by number, signal = \"28\"".to_owned()
            }
        };
        self.refuse(
            &value.span,
            format!("{} is no signal", quoted(text)),
            "neither a name nor a number",
            &help,
        );
        None
    }

    /// Reads `log`, laid over the cluster's default.
    pub(super) fn log(&mut self, own: Option<&Entry>, default: Option<&Entry>) -> Log {
        let layers = self.layers(
            own,
            default,
            &LOG,
            "write it like this: log = { keep = \"64MB\" }",
        );
        let mut log = Log::default();
        if let Some(entry) = layers.get("keep") {
            match &entry.value.kind {
                ValueKind::Text(text) if text == "all" => log.keep = None,
                _ => {
                    let found = self.size(&entry.value, "`keep`", LEAST_LOG..=MOST_LOG);
                    log.keep = found.or(log.keep);
                }
            }
        }
        log
    }
}
