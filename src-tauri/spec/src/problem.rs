//! What is wrong with a definition: every problem with its place, its source line and its remedy.
//!
//! Made by the rest of this crate, rendered by `cli`, `api` and the UI through
//! [`Diagnostics::render`]. Texts from the file are quoted with control characters made visible, so
//! that a hostile file cannot drive the terminal it is reported on.

mod told;

use crate::limits::MAX_PROBLEMS;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A place in a file, in bytes.
pub type Span = Range<usize>;

/// Longest stretch of one source line that is shown, in bytes. Longer lines are shown in part.
const LINE_SHOWN: usize = 160;
/// How much of a shown part lies before the marked place, in bytes.
const LINE_BEFORE: usize = 50;

/// The file as it is shown: same length as the file, with whatever could drive a terminal replaced.
#[derive(Debug)]
pub(crate) struct Source {
    name: String,
    shown: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        // An empty file still needs a place to point at.
        let text = if text.is_empty() { " " } else { text };
        let shown = without_controls(text);
        let lines = std::iter::once(0)
            .chain(shown.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name: visible(name),
            shown,
            lines,
        }
    }

    /// Line (from 0) of a byte.
    fn line_of(&self, at: usize) -> usize {
        self.lines
            .partition_point(|start| *start <= at)
            .saturating_sub(1)
    }

    /// The text of a line without its end.
    fn line_span(&self, line: usize) -> Span {
        let start = self.lines[line];
        let end = self
            .lines
            .get(line + 1)
            .map_or(self.shown.len(), |next| next - 1);
        let text = &self.shown[start..end];
        start..start + text.trim_end_matches('\r').len()
    }

    /// Line and column, both from 1, the column in characters.
    fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line_of(at);
        let start = self.lines[line];
        (line + 1, self.shown[start..at].chars().count() + 1)
    }

    /// A span that can be drawn: on one line, on character boundaries, with something above the
    /// caret. What lies behind a line's end points at its last character.
    fn drawable(&self, span: &Span) -> Span {
        let boundary = |mut at: usize| {
            while !self.shown.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let mut start = boundary(span.start.min(self.shown.len()));
        let mut line = self.line_of(start);
        // The end of the file is usually an empty line: point at the last text instead.
        while line > 0 && start >= self.shown.len() && self.line_span(line).is_empty() {
            line -= 1;
            start = self.line_span(line).end;
        }
        let text = self.line_span(line);
        if start >= text.end && !text.is_empty() {
            start = boundary(text.end - 1);
        }
        let longest = start + LINE_SHOWN - LINE_BEFORE;
        let mut end = boundary(span.end.clamp(start, text.end).min(longest));
        if end == start {
            end += self.shown[start..text.end.max(start)]
                .chars()
                .next()
                .map_or(0, char::len_utf8);
        }
        start..end
    }
}

impl SourceCode for Source {
    /// The lines the span touches and no more, whatever context is asked for: a problem in a file
    /// of 150 like services is clearer without its neighbours. With no context asked for, miette
    /// wants to know where exactly the span begins.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let wanted = span.offset()..span.offset() + span.len();
        if wanted.end > self.shown.len() {
            return Err(MietteError::OutOfBounds);
        }
        let (first, last) = (self.line_of(wanted.start), self.line_of(wanted.end));
        let mut part = self.line_span(first).start..self.line_span(last).end.max(wanted.end);
        if before == 0 && after == 0 {
            part = wanted;
        } else if part.len() > LINE_SHOWN {
            if wanted.len() > LINE_SHOWN {
                return Err(MietteError::OutOfBounds);
            }
            let near = wanted.start.saturating_sub(LINE_BEFORE).max(part.start);
            part = near..part.end.min(near + LINE_SHOWN).max(wanted.end);
            while !self.shown.is_char_boundary(part.start) {
                part.start -= 1;
            }
            while !self.shown.is_char_boundary(part.end) {
                part.end += 1;
            }
        }
        let (line, column) = self.position(part.start);
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            &self.shown.as_bytes()[part.clone()],
            (part.start, part.len()).into(),
            line - 1,
            column - 1,
            last - first + 1,
        )))
    }
}

/// A stretch of one line that a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'p> {
    /// Its line, from 1.
    pub line: usize,
    /// The column it begins at, from 1, in characters.
    pub column: usize,
    /// How many characters.
    pub length: usize,
    /// What is there: "not a duration".
    pub label: &'p str,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    message: String,
    labels: Vec<(Span, String)>,
    help: Option<String>,
    source: Option<Arc<Source>>,
}

impl Problem {
    /// What is wrong, at its main place. `label` says what is at the caret.
    pub fn new(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            labels: vec![(span, label.into())],
            help: None,
            source: None,
        }
    }

    /// Another place that has to do with it.
    #[must_use]
    pub fn and(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// What would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong, in a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be right.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The file it is about, as messages name it.
    pub fn file(&self) -> Option<&str> {
        self.source.as_ref().map(|source| source.name.as_str())
    }

    /// Line and column of its main place, both from 1; the column counts characters.
    pub fn position(&self) -> (usize, usize) {
        match (&self.source, self.labels.first()) {
            (Some(source), Some((span, _))) => source.position(source.drawable(span).start),
            _ => (1, 1),
        }
    }

    /// Its places in the file, the main one first.
    pub fn places(&self) -> Vec<Place<'_>> {
        let Some(source) = &self.source else {
            return Vec::new();
        };
        self.labels
            .iter()
            .map(|(span, label)| {
                let span = source.drawable(span);
                let (line, column) = source.position(span.start);
                Place {
                    line,
                    column,
                    length: source.shown[span].chars().count(),
                    label,
                }
            })
            .collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source
            .as_deref()
            .map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let source = self.source.as_ref()?;
        Some(Box::new(self.labels.iter().enumerate().map(
            |(index, (span, label))| {
                let span = source.drawable(span);
                let at = (span.start, span.len());
                if index == 0 {
                    LabeledSpan::new_primary_with_span(Some(label.clone()), at)
                } else {
                    LabeledSpan::new_with_span(Some(label.clone()), at)
                }
            },
        )))
    }
}

/// Everything that is wrong with a definition, in the order of the file.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    file: String,
    problems: Vec<Problem>,
    unshown: usize,
}

impl Diagnostics {
    /// The problems, in the order of the file; at least one, at most
    /// [`MAX_PROBLEMS`](crate::limits::MAX_PROBLEMS).
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Adds what is wrong with another file.
    pub fn append(&mut self, other: Diagnostics) {
        self.problems.extend(other.problems);
        let over = self.problems.len().saturating_sub(MAX_PROBLEMS);
        self.problems.truncate(MAX_PROBLEMS);
        self.unshown += other.unshown + over;
    }

    /// How many further problems there are.
    pub fn unshown(&self) -> usize {
        self.unshown
    }

    /// All problems as text, each with its line, a caret and what would be right. `width` is the
    /// terminal's, in columns; `color` adds ANSI colours.
    pub fn render(&self, width: usize, color: bool) -> String {
        let theme = GraphicalTheme {
            characters: ThemeCharacters {
                // Carets, as compilers draw them.
                underline: '^',
                underbar: '^',
                uarrow: '^',
                ..ThemeCharacters::unicode()
            },
            styles: if color {
                ThemeStyles::ansi()
            } else {
                ThemeStyles::none()
            },
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width.max(40))
            .with_context_lines(1)
            .with_links(false);
        let mut text = String::new();
        for problem in &self.problems {
            if !text.is_empty() {
                text.push('\n');
            }
            // Writing to a String cannot fail, and every label was made drawable.
            let _ = handler.render_report(&mut text, problem);
        }
        if self.unshown > 0 {
            text.push_str(&format!("\n  … and {} more\n", self.unshown));
        }
        text
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.problems[..], self.unshown) {
            ([only], 0) => {
                let (line, column) = only.position();
                let file = only.file().unwrap_or(&self.file);
                write!(f, "{file}:{line}:{column}: {}", only.message)
            }
            (problems, unshown) => {
                write!(f, "{} has {} problems", self.file, problems.len() + unshown)
            }
        }
    }
}

impl std::error::Error for Diagnostics {}

impl Diagnostic for Diagnostics {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.problems
                .iter()
                .map(|problem| problem as &dyn Diagnostic),
        ))
    }
}

/// Collects problems up to the limit and counts the rest.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    total: usize,
}

impl Problems {
    /// Adds one, unless the same was said of the same place (defaults are read for each service).
    /// Making it may be costly (suggestions), so it is only made when it will be shown.
    pub fn add(&mut self, problem: impl FnOnce() -> Problem) {
        if self.list.len() >= MAX_PROBLEMS {
            self.total += 1;
            return;
        }
        let problem = problem();
        let said = |other: &Problem| {
            other.message == problem.message && other.labels.first() == problem.labels.first()
        };
        if !self.list.iter().any(said) {
            self.total += 1;
            self.list.push(problem);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many there are, with those that are not shown.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Ties them to the text they are about.
    pub fn into_diagnostics(self, file: &str, text: &str) -> Diagnostics {
        let source = Arc::new(Source::new(file, text));
        let unshown = self.total - self.list.len();
        let mut problems = self.list;
        for problem in &mut problems {
            problem.source = Some(Arc::clone(&source));
            // Words may quote the file, so none leaves here as it was.
            let words = problem.labels.iter_mut().map(|(_, label)| label);
            for text in words.chain(&mut problem.help).chain([&mut problem.message]) {
                *text = shown(text, LONGEST_WORDS);
            }
        }
        problems.sort_by_key(|problem| problem.labels.first().map_or(0, |(span, _)| span.start));
        Diagnostics {
            file: visible(file),
            problems,
            unshown,
        }
    }
}

/// A text from the file as messages quote it: control characters visible, long ones shortened.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    format!("`{}`", shown(text, LONGEST))
}

/// Longest message, label or help, in characters.
const LONGEST_WORDS: usize = 2_000;

fn shown(text: &str, longest: usize) -> String {
    let mut short: String = text.chars().take(longest).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    visible(&short)
}

fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = drives_terminal(c).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// C0, C1, DEL, and the characters that turn the direction of text or hide in it.
fn drives_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text with what could drive a terminal replaced by as many bytes, so that places stay true.
fn without_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let line_end = c == '\n' || c == '\r' && characters.peek() == Some(&'\n');
        if line_end || c == '\t' || !drives_terminal(c) {
            shown.push(c);
        } else if c.len_utf8() == 3 {
            shown.push('\u{fffd}');
        } else {
            shown.extend(std::iter::repeat_n('?', c.len_utf8()));
        }
    }
    shown
}
