//! Says what is wrong with text that is not TOML, in words for someone who writes a definition and
//! not a grammar.

use crate::Form;
use crate::problem::{Problem, Problems, Span};
use toml_parser::{Expected, ParseError};

/// What [`crate::document`] reports for an integer over 64 bits.
pub(crate) const TOO_LARGE: &str = "the number is too large";

/// One problem a line, and none behind a list or table that is not closed: after an error the
/// parser guesses, and guesses mislead.
pub(crate) fn explain(text: &str, errors: &[ParseError], form: &Form, problems: &mut Problems) {
    if let Some((span, language)) = another_language(text) {
        problems.add(|| {
            let message = format!("this looks like {language}, and {} TOML", form.is);
            Problem::new(span, message, "here").help(form.example)
        });
        return;
    }
    let mut errors: Vec<(Span, &ParseError)> = errors
        .iter()
        .map(|error| (place(text, error), error))
        .collect();
    errors.sort_by_key(|(span, _)| span.start);
    let mut explained_to = None;
    for (span, error) in errors {
        if explained_to.is_some_and(|end| span.start <= end) {
            continue;
        }
        let opened = error.context().map(|span| span.start());
        if let Some(opened) = opened.filter(|opened| runs_on(text, *opened, span.start, error)) {
            // All that follows was read as part of it.
            problems.add(|| not_closed(text, opened, span));
            return;
        }
        let end = text[span.start..]
            .find('\n')
            .map_or(text.len(), |length| span.start + length);
        explained_to = Some(end);
        problems.add(|| problem(&text[..end], span, error, form));
    }
}

/// JSON or YAML, by the first line that is not a comment.
fn another_language(text: &str) -> Option<(Span, &'static str)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let first = line.trim();
        let at = start + (line.len() - line.trim_start().len());
        start += line.len();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let yaml = first == "---"
            || first.split_once(':').is_some_and(|(key, rest)| {
                let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                !key.is_empty()
                    && key.chars().all(word)
                    && (rest.is_empty() || rest.starts_with(' '))
            });
        let language = if first.starts_with('{') {
            "JSON"
        } else {
            "YAML"
        };
        return (yaml || language == "JSON").then_some((at..at + 1, language));
    }
    None
}

/// Whether a list or inline table was left open: it goes on at the beginning of a later line with
/// what looks like a header or a key of its own.
fn runs_on(text: &str, opened: usize, at: usize, error: &ParseError) -> bool {
    let missing = error.description();
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let begins = text[line..at].trim().is_empty() && opened < line;
    let rest = text[at..].lines().next().unwrap_or_default();
    let header = rest.starts_with('[') && rest.trim_end().ends_with(']') && !rest.contains(',');
    let key = rest.split_once('=').is_some_and(|(key, _)| {
        key.trim()
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.\"".contains(c))
    });
    begins && missing.starts_with("missing comma") && (header || key)
}

fn not_closed(text: &str, opened: usize, at: Span) -> Problem {
    let (what, end, example) = match text[opened..].chars().next() {
        Some('{') => ("table", '}', "health = { http = \"/health\" }"),
        _ => ("list", ']', "needs = [\"db\", \"cache\"]"),
    };
    Problem::new(
        opened..opened + 1,
        format!("the {what} is not closed"),
        "opened here",
    )
    .and(at, "and still open here")
    .help(format!("a {what} ends with {end}: {example}"))
}

fn place(text: &str, error: &ParseError) -> Span {
    let span = error.unexpected().or(error.context());
    let (start, end) = span.map_or((0, 0), |span| (span.start(), span.end()));
    let boundary = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    boundary(start)..boundary(end.max(start))
}

/// `text` ends where the line with the error ends.
fn problem(text: &str, span: Span, error: &ParseError, form: &Form) -> Problem {
    if let Some(control) = text[span.start..]
        .chars()
        .next()
        .filter(|c| c.is_control() && !c.is_whitespace())
    {
        let message = format!(
            "the control character U+{:04X} in the file",
            u32::from(control)
        );
        return Problem::new(span, message, "not visible, and not allowed").help(
            "remove it; inside a text in double quotes it could be written \\u and four digits",
        );
    }
    let line = text[text[..span.start].rfind('\n').map_or(0, |at| at + 1)..].trim();
    let (message, label, help): (&str, &str, String) = match error.description() {
        "string values must be quoted" if !text[span.clone()].trim().is_empty() => (
            "a text must be in quotes",
            "this has no quotes",
            quote_help(&text[span.clone()]),
        ),
        "key with no value"
        | "missing value for key"
        | "missing value"
        | "string values must be quoted" => (
            "a key without a value",
            "the value is missing here",
            "write it as `key = value`, or put a # before the line to make it a comment".into(),
        ),
        "unclosed table" | "unclosed array table" => (
            "the header is not closed",
            "the closing bracket is missing here",
            format!("write it as `{}]`", line.trim_end_matches(']')),
        ),
        "unclosed array" => (
            "the list is not closed",
            "the list was still open here",
            "a list ends with ]: needs = [\"db\", \"cache\"]".into(),
        ),
        "unclosed inline table" => (
            "the table is not closed",
            "the table was still open here",
            "an inline table ends with }: health = { http = \"/health\" }".into(),
        ),
        "invalid basic string" | "invalid literal string" if span.end >= text.len() => (
            "the text is not closed",
            "the closing quote is missing here",
            "a text in one pair of quotes ends in its line; three quotes, \"\"\", go over several"
                .into(),
        ),
        "invalid multi-line basic string" | "invalid multi-line literal string" => (
            "the text is not closed",
            "still open here",
            "a text that begins with three quotes ends with three".into(),
        ),
        "missing comma between array elements" => (
            "a comma is missing between two elements",
            "put a comma before this",
            "elements of a list are separated by commas: [\"db\", \"cache\"]".into(),
        ),
        "missing comma between key-value pairs" => (
            "a comma is missing between two keys",
            "put a comma before this",
            "keys of an inline table are separated by commas: { http = \"/health\", every = \"5s\" }"
                .into(),
        ),
        "missing assignment between key-value pairs" => (
            "`=` is missing after a key",
            "put `=` before this",
            "write it as `key = value`".into(),
        ),
        "extra comma in array" | "extra comma in inline table" => (
            "one comma too many",
            "nothing stands before this comma",
            "remove it".into(),
        ),
        "extra `=`" | "unexpected `=` in array" | "extra assignment between key-value pairs" => (
            "one `=` too many",
            "this does not belong here",
            "write it as `key = value`; quote a value that has = in it".into(),
        ),
        "invalid unquoted key" | "unquoted keys cannot be empty" => (
            "this is not a key",
            "not a letter, digit, - or _",
            "a key is letters, digits, - and _; anything else goes in quotes".into(),
        ),
        "missing escaped value" | "too few unicode value digits" => (
            "an unknown escape after \\ in a text",
            "not an escape",
            "write \\\\ for a backslash, or put the text in single quotes, where \\ is itself".into(),
        ),
        "carriage return must be followed by newline" => (
            "a carriage return in the middle of a line",
            "here",
            "remove it, or write \\r inside a text".into(),
        ),
        "invalid comment character" => (
            "a control character in a comment",
            "here",
            "remove it".into(),
        ),
        "unexpected leading zero" => (
            "a number may not begin with 0",
            "this 0 is too much",
            "leave the zero out; in quotes it would be a text".into(),
        ),
        TOO_LARGE => (
            TOO_LARGE,
            "no number here may be this large",
            "the largest number of a definition is a port, 65535".into(),
        ),
        other => {
            let help = expected(error).map_or_else(
                || format!("see {} for what may stand here", form.page),
                |expected| format!("what may stand here: {expected}"),
            );
            return Problem::new(span, format!("this is not TOML: {other}"), "here").help(help);
        }
    };
    Problem::new(span, message, label).help(help)
}

fn quote_help(unquoted: &str) -> String {
    match unquoted.trim() {
        "True" | "TRUE" | "yes" | "on" => "yes is written `true`".into(),
        "False" | "FALSE" | "no" | "off" => "no is written `false`".into(),
        // What it is stands above it, where a secret is hidden; here nobody would know it for one.
        _ => "put it in quotes: \"…\"".into(),
    }
}

/// What could stand at the place, as the parser knows it.
fn expected(error: &ParseError) -> Option<String> {
    let words: Vec<String> = error
        .expected()?
        .iter()
        .map(|expected| match expected {
            Expected::Literal("\n") => "the end of the line".to_owned(),
            Expected::Literal(literal) => format!("`{}`", literal.escape_debug()),
            Expected::Description(words) => (*words).to_owned(),
            _ => "something else".to_owned(),
        })
        .collect();
    (!words.is_empty()).then(|| words.join(" or "))
}
