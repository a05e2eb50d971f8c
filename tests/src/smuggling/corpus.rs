//! The cases as text, so that a person can read and add them.
//!
//! ```text
//! # why these are here
//! [name]
//! expect refused
//! > POST {path} HTTP/1.1\r\nHost: {host}\r\n
//! > {case}\r\n\r\n{smuggled}
//! < HTTP/1.1 200 OK\r\n …
//! - Content-Length: +5
//! - Content-Length: 5, 5
//! ```
//!
//! `>` is what the client sends, `<` what the backend answers instead of what it usually does; the line's end is no part
//! of either. With `-` lines a group is as many cases, each with its own text in the place of `{case}`. `\r \n \t \0 \xHH
//! \\` are bytes. `{path}` and `{host}` are the case's own, `{smuggled}` is a whole request for `/smuggled`, `{pause}`
//! waits for what comes back meanwhile, `{300*TEXT}` is TEXT so often.
//!
//! `expect` is one of: `refused` (the client gets an error and the backend no request), `once` (one request, answered),
//! `once BODY` (with this body), `twice`, `either` (refused, or once), `broken` (the request or the answer is cut short:
//! no success is told, and what was cut is not whole at the backend), `safe` (only what holds of every case).

use std::path::Path;

/// What has to come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// An error, and no request at the backend.
    Refused,
    /// One request, answered; with this body, if it is said.
    Once(Option<Vec<u8>>),
    /// Two requests, both answered, in their order.
    Twice,
    /// One or the other.
    Either,
    /// Cut short: never a whole one.
    Broken,
    /// Whatever holds of every case.
    Safe,
}

/// A piece of what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Look whether something comes back meanwhile.
    Pause,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Case {
    /// `lengths/signs.2`.
    pub name: String,
    /// What has to come of it.
    pub expect: Expect,
    sent: String,
    answered: Option<String>,
}

/// What stands for something in a case's text.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// `/case/12`.
    pub path: &'a str,
    /// `abuse.localhost:7422`.
    pub host: &'a str,
}

impl Case {
    /// What the client sends.
    ///
    /// # Panics
    /// When the text is not as it should be.
    pub fn sent(&self, places: Places<'_>) -> Vec<Part> {
        expand(&self.sent, places, &self.name)
    }

    /// Asks for a head alone: its answer has no body, whatever it says.
    pub fn wants_head(&self) -> bool {
        self.sent.starts_with("HEAD ")
    }

    /// What the backend answers, when that is not the usual.
    ///
    /// # Panics
    /// When the text is not as it should be.
    pub fn answered(&self, places: Places<'_>) -> Option<Vec<Part>> {
        let text = self.answered.as_ref()?;
        Some(expand(text, places, &self.name))
    }
}

/// Every case of a file.
///
/// # Panics
/// When it cannot be read or is not as it should be.
pub fn read(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("failed to read {}: {error}", file.display()));
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    parse(&stem, &text)
}

fn parse(stem: &str, text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in text.split("\n[").skip(1) {
        let (name, body) = group
            .split_once(']')
            .unwrap_or_else(|| panic!("{stem}: [{group} has no end"));
        let name = format!("{stem}/{name}");
        let of = |mark: char| {
            body.lines()
                .filter_map(move |line| line.strip_prefix(mark)?.strip_prefix(' '))
        };
        let expect = body
            .lines()
            .find_map(|line| line.strip_prefix("expect "))
            .unwrap_or_else(|| panic!("{name}: nothing is expected"));
        let case = Case {
            expect: expectation(expect, &name),
            sent: of('>').collect(),
            answered: Some(of('<').collect()).filter(|text: &String| !text.is_empty()),
            name,
        };
        assert!(!case.sent.is_empty(), "{}: nothing is sent", case.name);
        let mut variants = of('-').enumerate().peekable();
        if variants.peek().is_none() {
            cases.push(case);
            continue;
        }
        for (at, variant) in variants {
            let put = |text: &String| text.replace("{case}", variant);
            cases.push(Case {
                name: format!("{}.{}", case.name, at + 1),
                expect: case.expect.clone(),
                sent: put(&case.sent),
                answered: case.answered.as_ref().map(put),
            });
        }
    }
    cases
}

fn expectation(text: &str, name: &str) -> Expect {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("refused", "") => Expect::Refused,
        ("once", "") => Expect::Once(None),
        ("once", body) => Expect::Once(Some(bytes(body, name))),
        ("twice", "") => Expect::Twice,
        ("either", "") => Expect::Either,
        ("broken", "") => Expect::Broken,
        ("safe", "") => Expect::Safe,
        _ => panic!("{name}: nobody can expect {text:?}"),
    }
}

fn expand(text: &str, places: Places<'_>, name: &str) -> Vec<Part> {
    let smuggled = "GET /smuggled HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n";
    let text = text
        .replace("{smuggled}", smuggled)
        .replace("{path}", places.path)
        .replace("{host}", places.host);
    let mut parts = Vec::new();
    for (at, piece) in text.split("{pause}").enumerate() {
        if at > 0 {
            parts.push(Part::Pause);
        }
        if !piece.is_empty() {
            parts.push(Part::Bytes(bytes(&repeated(piece, name), name)));
        }
    }
    parts
}

/// `{300*a}` written out.
fn repeated(text: &str, name: &str) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        whole += before;
        let (inside, after) = after
            .split_once('}')
            .unwrap_or_else(|| panic!("{name}: a brace is open"));
        let (count, piece) = inside
            .split_once('*')
            .unwrap_or_else(|| panic!("{name}: {{{inside}}} stands for nothing"));
        let count = count
            .parse()
            .unwrap_or_else(|_| panic!("{name}: {count} is no number"));
        whole += &piece.repeat(count);
        rest = after;
    }
    whole + rest
}

fn bytes(text: &str, name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next().unwrap_or(b' '), rest.next().unwrap_or(b' ')];
                let digits = String::from_utf8_lossy(&digits).into_owned();
                u8::from_str_radix(&digits, 16)
                    .unwrap_or_else(|_| panic!("{name}: \\x{digits} is no byte"))
            }
            _ => panic!("{name}: a backslash stands for nothing"),
        });
    }
    bytes
}

#[cfg(test)]
mod reading {
    use super::*;

    #[test]
    fn groups_become_cases_and_marks_bytes() {
        let text = "# why\n[a]\nexpect once x\\r\\n\n> GET {path} H\\x41\\0{3*ab}{pause}\n> {case}\n- one\n- two\n\n[b]\nexpect refused\n> x\n< y\n";
        let cases = parse("file", text);
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["file/a.1", "file/a.2", "file/b"]);
        assert_eq!(cases[0].expect, Expect::Once(Some(b"x\r\n".to_vec())));
        let places = Places {
            path: "/p",
            host: "h",
        };
        assert_eq!(
            cases[1].sent(places),
            [
                Part::Bytes(b"GET /p HA\0ababab".to_vec()),
                Part::Pause,
                Part::Bytes(b"two".to_vec())
            ]
        );
        assert_eq!(
            cases[2].answered(places),
            Some(vec![Part::Bytes(b"y".to_vec())])
        );
        assert_eq!(cases[0].answered(places), None);
    }
}
