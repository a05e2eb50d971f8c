//! What is wrong with a document, said in words that help.

use super::{MAX_DEPTH, MAX_NODES};
use spec::{Problem, Span, quoted};

/// A mistake that the parser has found: what it says is for people who know how parsers work.
pub(super) fn said(info: &str, text: &str, at: usize) -> Problem {
    let here = place(text, at);
    if let Some(tab) = tab_before(text, here.start) {
        return Problem::new(tab, "a tab is used to indent", "the tab")
            .help("YAML is indented with spaces");
    }
    if text[..here.start].ends_with(":\t") {
        let tab = here.start - 1..here.start;
        return Problem::new(tab, "a tab follows a colon", "the tab").help("write a space");
    }
    let has = |word: &str| info.contains(word);
    let (message, label, help): (&str, &str, &str) = if has("unknown anchor") {
        (
            "this alias names nothing that is before it",
            "no anchor of that name",
            "an anchor is written &name where the value is, and repeated with *name further down",
        )
    } else if has("unexpected end of stream")
        || has("unexpected document indicator")
        || has("indentation in quoted")
    {
        (
            "a quote is not closed",
            "begins here, or before",
            "a text begins and ends with the same quote",
        )
    } else if has("unknown escape") || has("hexadecimal") || has("escape code") {
        (
            "this escape is not known",
            "here",
            "between double quotes a backslash begins an escape, as in \\n or \\\"; write \\\\ for a backslash, or \
             use single quotes",
        )
    } else if has("flow sequence") || has("flow mapping") || has("flow construct") || has("bracket")
    {
        (
            "a bracket is not closed, or a comma is missing",
            "something else comes here",
            "a list is [one, two] and a mapping {one: 1, two: 2}; each bracket has its other half",
        )
    } else if has("recursion limit") {
        return too_deep(here);
    } else if has("mapping values are not allowed") || has("illegal placement of ':'") {
        (
            "a colon stands where no key can be",
            "here",
            "a text with a colon and a space in it needs quotes, as in \"a: b\"; else look at the indentation",
        )
    } else if has("simple key") {
        (
            "a key without its colon, or a text that goes on where it may not",
            "here",
            "a key is followed by a colon and a space: key: value",
        )
    } else if has("trailing content") {
        (
            "something follows a text in quotes",
            "here",
            "the text ends with its quote; put all of it between quotes",
        )
    } else if has("block collection") {
        (
            "the list does not go on with an entry",
            "here",
            "the entries of a list begin with `- `, all at the same column",
        )
    } else if has("block sequence entries") {
        (
            "a list entry stands where none can be",
            "here",
            "the entries of a list begin with `- `, all at the same column",
        )
    } else if has("block mapping") || has("invalid indentation") || has("wrongly indented") {
        (
            "this line is not indented like the ones it belongs to",
            "here",
            "keys of the same mapping begin at the same column",
        )
    } else if has("plain scalar cannot start") || has("unexpected character") {
        (
            "a text cannot begin with this character",
            "here",
            "put the text between quotes",
        )
    } else if has("handle wasn't declared") || has("tag") {
        (
            "this tag cannot be read",
            "here",
            "a text that begins with an exclamation mark needs quotes",
        )
    } else if has("anchor or alias") {
        (
            "the name of an anchor or alias is missing",
            "here",
            "a text that begins with & or * needs quotes, as in \"*.log\"",
        )
    } else if has("directive") || has("incompatible") {
        (
            "this directive cannot be read",
            "here",
            "a line that begins with % is for YAML itself; leave it out, or put the text between quotes",
        )
    } else if has("block scalar") {
        (
            "the text after | or > cannot be read",
            "here",
            "after | or > comes the end of the line, and the text below is indented with spaces",
        )
    } else if has("document") {
        (
            "something follows the end of the document",
            "here",
            "`...` ends a document, and nothing may follow it",
        )
    } else {
        return Problem::new(here, "this is not YAML", "here").help(format!(
            "the parser says: {info}; see https://yaml.org/spec/1.2.2/"
        ));
    };
    Problem::new(here, message, label).help(help)
}

/// The character the parser stopped at, or the last one before the end.
fn place(text: &str, at: usize) -> Span {
    let mut start = at.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let next = text[start..].chars().next().map_or(0, char::len_utf8);
    start..start + next
}

/// A tab in the indentation of the line of `at`, of the one before it or of the one behind it.
fn tab_before(text: &str, at: usize) -> Option<Span> {
    let begins = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = begins(at);
    let before = (line > 0).then(|| begins(line - 1));
    let behind = text[at..].find('\n').map(|end| at + end + 1);
    [Some(line), before, behind]
        .into_iter()
        .flatten()
        .find_map(|line| {
            let indent = text[line..].len() - text[line..].trim_start_matches([' ', '\t']).len();
            let tab = text[line..line + indent].find('\t')?;
            Some(line + tab..line + tab + 1)
        })
}

/// A character that YAML does not have, and the parser lets pass.
pub(super) fn control(text: &str) -> Option<Problem> {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    let (at, c) = text.char_indices().find(|(_, c)| control(*c))?;
    let span = at..at + c.len_utf8();
    let message = "a control character cannot be in a YAML file";
    Some(Problem::new(span, message, "here").help(format!(
        "write it as an escape in a text between double quotes: \"\\x{:02x}\"",
        u32::from(c)
    )))
}

pub(super) fn second_document(span: Span) -> Problem {
    Problem::new(span, "a second document begins here", "the second one")
        .help("only one document of a file is read; put the other one into a file of its own")
}

pub(super) fn too_many(span: Span, what: String) -> Problem {
    Problem::new(span, format!("the file has {what}"), "at the latest here").help(format!(
        "what an alias names counts each time it is named; a project has at most {MAX_NODES} values"
    ))
}

pub(super) fn too_deep(span: Span) -> Problem {
    Problem::new(
        span,
        "mappings and lists inside each other are too deep",
        "here",
    )
    .help(format!("at most {MAX_DEPTH} levels"))
}

pub(super) fn key(span: Span) -> Problem {
    Problem::new(span, "a key is a word", "this is none").help(
        "a key stands before a colon, as in key: value; one with special characters needs quotes",
    )
}

pub(super) fn twice(name: &str, span: Span, first: Span) -> Problem {
    Problem::new(
        span,
        format!("the key {} is there twice", quoted(name)),
        "the second one",
    )
    .and(first, "the first one")
    .help("take one of them out, or make one of both")
}

pub(super) fn merge(span: Span, what: &str) -> Problem {
    Problem::new(span, format!("`<<` is {what}"), "not a mapping")
        .help("`<<` takes a mapping, or a list of mappings, usually by alias: <<: *common")
}
