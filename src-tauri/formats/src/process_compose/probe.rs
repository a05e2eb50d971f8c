//! Probes: `readiness_probe`, `liveness_probe` and `ready_log_line`.

use super::command::{Shell, Terms};
use crate::draft::{self, text};
use crate::yaml::{Fields, Files, Node, Place};

/// A probe, as the keys of a table.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) keys: Vec<String>,
    /// Not having passed for so many seconds after a start is a fault.
    pub(super) within: i64,
    pub(super) at: Place,
}

impl Probe {
    /// `{ http = "/", every = "10s" }`, with further keys.
    pub(super) fn table(&self, more: &[String]) -> String {
        let keys: Vec<&str> = self.keys.iter().chain(more).map(String::as_str).collect();
        format!("{{ {} }}", keys.join(", "))
    }
}

/// Where a probe is asked.
pub(super) struct Asked<'p> {
    pub(super) shell: &'p Shell,
    pub(super) terms: &'p Terms,
    /// The port the service is given.
    pub(super) port: Option<u16>,
}

impl Asked<'_> {
    /// Reads a probe. `None` when there is nothing that can be asked; that was told.
    pub(super) fn read(&self, node: &Node, path: String, files: &mut Files) -> Option<Probe> {
        let mut fields = Fields::of(node, path, files)?;
        let (exec, http) = (fields.get("exec"), fields.get("http_get"));
        let mut seconds = |key: &str, usual: i64| {
            let number = fields.integer(key, files);
            number.filter(|number| *number > 0).unwrap_or(usual)
        };
        let delay = seconds("initial_delay_seconds", 0);
        let every = seconds("period_seconds", 10);
        let timeout = seconds("timeout_seconds", 1);
        let pass = seconds("success_threshold", 1);
        let fail = seconds("failure_threshold", 3);
        unknown(&fields, files);
        let mut keys = match (exec, http) {
            (Some(exec), _) => self.exec(exec, fields.path_of("exec"), files)?,
            (None, Some(http)) => self.http(http, fields.path_of("http_get"), files)?,
            (None, None) => {
                let says = format!("{} asks nothing, and is left out", fields.path());
                files.note(node.place, says);
                return None;
            }
        };
        keys.push(format!("every = \"{every}s\""));
        if timeout != 1 {
            keys.push(format!("timeout = \"{timeout}s\""));
        }
        if pass != 1 {
            keys.push(format!("pass = {pass}"));
        }
        if fail != 3 {
            keys.push(format!("fail = {fail}"));
        }
        let within = every.saturating_mul(fail).saturating_add(delay);
        Some(Probe {
            keys,
            within,
            at: node.place,
        })
    }

    fn exec(&self, node: &Node, path: String, files: &mut Files) -> Option<Vec<String>> {
        let mut fields = Fields::of(node, path, files)?;
        let line = fields.text("command", files);
        let folder = fields.text("working_dir", files);
        unknown(&fields, files);
        let Some(line) = line else {
            let says = format!("{} names no command, and is left out", fields.path());
            files.note(node.place, says);
            return None;
        };
        let mut before = self.terms.before.clone();
        before.extend(folder.map(|folder| {
            let folder = self.terms.filled(&folder, node.place, files);
            format!("cd {} || exit", self.shell.quoted(&folder))
        }));
        let line = self.terms.filled(&line, node.place, files);
        Some(vec![format!(
            "exec = {}",
            self.shell.command(&line, &before)
        )])
    }

    fn http(&self, node: &Node, path: String, files: &mut Files) -> Option<Vec<String>> {
        let mut fields = Fields::of(node, path, files)?;
        let mut read = |key: &str, usual: &str| {
            let written = fields.text(key, files).unwrap_or_default();
            let filled = self.terms.filled(written.trim(), node.place, files);
            match filled.is_empty() {
                true => usual.to_owned(),
                false => filled,
            }
        };
        let host = read("host", "127.0.0.1");
        let scheme = read("scheme", "http");
        let path = read("path", "/");
        let port = read("port", "");
        let numbered = fields.integer("num_port", files);
        let status = fields.integer("status_code", files);
        let headers = fields.get("headers");
        unknown(&fields, files);
        let mut left_out = |why: String| {
            let says = format!("{} is left out: {why}", fields.path());
            files.note(node.place, says);
        };
        if !matches!(
            host.as_str(),
            "127.0.0.1" | "localhost" | "0.0.0.0" | "::1" | "[::1]"
        ) {
            left_out(format!(
                "{host} is another machine, and only this one is asked"
            ));
            return None;
        }
        if scheme != "http" {
            left_out(format!("{scheme} is not asked, only http"));
            return None;
        }
        let path = match path.starts_with('/') {
            true => path,
            false => format!("/{path}"),
        };
        let own = matches!(port.as_str(), "$PORT" | "${PORT}");
        let number: Option<u16> = match numbered {
            Some(number) => u16::try_from(number).ok(),
            None if port.is_empty() => Some(80),
            None => port.parse().ok(),
        };
        let target = match number {
            _ if own && self.port.is_some() => path,
            Some(number) if number > 0 && Some(number) == self.port => path,
            Some(number) if number > 0 => format!("http://127.0.0.1:{number}{path}"),
            _ => {
                left_out(format!("its port is {port}, which is not known here"));
                return None;
            }
        };
        let mut keys = vec![format!("http = {}", text(&spec::literal(&target)))];
        if let Some(status) = status.filter(|status| (200..400).contains(status)) {
            keys.push(format!("status = {status}"));
        }
        if let Some(headers) = headers {
            let path = fields.path_of("headers");
            let fields = Fields::of(headers, path, files)?;
            let mut written = Vec::new();
            for entry in fields.entries() {
                if let Some(value) = entry.value.as_scalar() {
                    let value = self.terms.filled(&value.words(), entry.at, files);
                    let value = text(&spec::literal(&self.shell.dollars(&value)));
                    written.push(format!("{} = {value}", draft::name(&entry.key)));
                }
            }
            if !written.is_empty() {
                keys.push(format!("headers = {{ {} }}", written.join(", ")));
            }
        }
        Some(keys)
    }
}

/// Says that keys are passed over.
pub(super) fn unknown(fields: &Fields<'_>, files: &mut Files) {
    for entry in fields.unread() {
        let says = format!(
            "{} is not known, and is passed over",
            fields.path_of(&entry.key)
        );
        files.note(entry.at, says);
    }
}

/// A regular expression for a text as it stands.
pub(super) fn pattern(line: &str) -> String {
    let mut made = String::new();
    for c in line.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            made.push('\\');
        }
        made.push(c);
    }
    made
}
