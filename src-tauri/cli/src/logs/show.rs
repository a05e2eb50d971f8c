//! How lines look: for people with names and colours, for programs as JSON.

use crate::fail::Done;
use crate::terminal::{Paint, Terminal, note, printed};
use crate::text::{clock, with_times};
use model::InstanceId;
use model::view::LogLine;
use serde_json::json;
use std::io::Write;

/// What lines are printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// One JSON list.
    List,
    /// A JSON object a line.
    Objects,
}

/// So many bytes are held back at most: a write for each line would cost more than the line.
const HELD: usize = 256 << 10;

/// Prints lines.
pub(super) struct Show {
    form: Form,
    terminal: Terminal,
    /// Width of the instance's name before each line; none when only one instance is shown.
    name: Option<usize>,
    times: bool,
    held: String,
    /// Of a list, its first entry has been printed.
    begun: bool,
}

impl Show {
    pub(super) fn new(form: Form, times: bool, instances: &[InstanceId]) -> Self {
        let widest = instances
            .iter()
            .map(|instance| instance.to_string().len())
            .max()
            .unwrap_or(0);
        Self {
            form,
            terminal: Terminal::stdout(),
            name: (instances.len() > 1).then_some(widest),
            times,
            held: String::new(),
            begun: false,
        }
    }

    /// Prints a line, not necessarily at once.
    pub(super) fn line(&mut self, line: &LogLine) -> Done {
        match self.form {
            Form::Text => {
                if let Some(missed) = line.missed {
                    // In its place for whoever watches, and out of the way of whoever counts.
                    self.flush()?;
                    note(&format!(
                        "azora: {missed} bytes of {} came too fast to be followed and are no longer kept",
                        line.instance
                    ));
                }
                self.text(line);
            }
            Form::List => {
                self.held.push(if self.begun { ',' } else { '[' });
                self.held.push_str(&with_times(json!(line)).to_string());
                self.begun = true;
            }
            Form::Objects => self.held.push_str(&with_times(json!(line)).to_string()),
        }
        if self.form != Form::List {
            self.held.push('\n');
        }
        if self.held.len() >= HELD {
            self.flush()?;
        }
        Ok(())
    }

    /// Prints what was held back; an error when its reader has gone.
    pub(super) fn flush(&mut self) -> Done {
        let mut out = std::io::stdout().lock();
        out.write_all(self.held.as_bytes())?;
        out.flush()?;
        self.held.clear();
        Ok(())
    }

    /// The last line was shown.
    pub(super) fn end(&mut self) -> Done {
        if self.form == Form::List {
            self.held.push_str(if self.begun { "]\n" } else { "[]\n" });
        }
        self.flush()
    }

    fn text(&mut self, line: &LogLine) {
        if self.times {
            let at = line.at.map_or_else(|| "-".repeat(19), clock);
            let at = self.terminal.paint(Paint::Faint, &at);
            self.held.push_str(&at);
            self.held.push(' ');
        }
        if let Some(width) = self.name {
            // A colour for each service, always the same one.
            const COLOURS: [Paint; 4] = [Paint::Busy, Paint::Good, Paint::Warn, Paint::Strong];
            let sum: usize = line
                .instance
                .service
                .as_str()
                .bytes()
                .map(usize::from)
                .sum();
            let name = format!("{:width$} |", line.instance);
            let name = self.terminal.paint(COLOURS[sum % COLOURS.len()], &name);
            self.held.push_str(&name);
            self.held.push(' ');
        }
        self.held
            .push_str(&printed(&line.text, self.terminal.colour));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(form: Form, name: Option<usize>, times: bool, line: &LogLine) -> String {
        let mut show = Show {
            form,
            terminal: Terminal {
                live: false,
                colour: false,
                columns: None,
                rows: 24,
            },
            name,
            times,
            held: String::new(),
            begun: false,
        };
        show.line(line).unwrap();
        show.held
    }

    fn line(text: &str) -> LogLine {
        LogLine {
            offset: 7,
            end: 13,
            missed: None,
            skipped: None,
            level: None,
            at: None,
            instance: "db.0".parse().unwrap(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_line_says_whose_it_is_only_when_there_are_several() {
        assert_eq!(
            shown(Form::Text, Some(6), false, &line("hello")),
            "db.0   | hello\n"
        );
        assert_eq!(
            shown(Form::Text, None, true, &line("\x1b]0;x\x07")),
            "------------------- \\x1b]0;x\\x07\n"
        );
    }

    #[test]
    fn json_has_the_address() {
        let object: serde_json::Value =
            serde_json::from_str(&shown(Form::Objects, None, false, &line("hello"))).unwrap();
        assert_eq!(
            (&object["offset"], &object["end"], &object["text"]),
            (&json!(7), &json!(13), &json!("hello"))
        );
        assert!(object.get("missed").is_none());
    }
}
