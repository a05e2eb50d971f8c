//! Variables in values: `$VAR`, `${VAR:-default}` and what else the specification has, resolved from what the
//! caller brings. Keys are left as they are.

use crate::yaml::{Entry, Files, Kind, MAX_EXPANDED, Node, Scalar, Value};
use spec::{Problem, quoted};
use std::collections::{BTreeMap, BTreeSet};

/// Variables inside each other: `${A:-${B:-…}}`.
const MAX_NESTED: usize = 16;
/// Variables that were not set and of which that is said, in one file.
const MAX_UNSET: usize = 20;

/// What variables are set to.
pub(super) type Environment = BTreeMap<String, String>;

/// Why a text cannot be resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// `${` and what is no variable.
    Form,
    /// `${VAR?why}`, and it is not set.
    Required { name: String, why: String },
    /// Variables too deep inside each other.
    Deep,
    /// It becomes too long.
    Long,
}

/// Resolves all values of a file.
pub(super) fn interpolate(node: Node, environment: &Environment, files: &mut Files) -> Node {
    let mut work = Work {
        environment,
        unset: BTreeSet::new(),
        told: BTreeSet::new(),
        left: MAX_EXPANDED.min(files.spare_text()),
    };
    let before = work.left;
    let node = walk(node, &mut work, files);
    let spent = before - work.left;
    files.spend(0, spent, node.place);
    node
}

/// Resolves one text; what is wrong with it is said when its file is resolved.
pub(super) fn text(template: &str, environment: &Environment) -> String {
    let mut work = Work {
        environment,
        unset: BTreeSet::new(),
        told: BTreeSet::new(),
        left: MAX_EXPANDED,
    };
    work.text(template, 0).unwrap_or_default()
}

fn walk(mut node: Node, work: &mut Work<'_>, files: &mut Files) -> Node {
    node.kind = match node.kind {
        Kind::List(items) => Kind::List(
            items
                .into_iter()
                .map(|item| walk(item, work, files))
                .collect(),
        ),
        Kind::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|entry| Entry {
                    value: walk(entry.value, work, files),
                    ..entry
                })
                .collect(),
        ),
        Kind::Scalar(scalar) if scalar.value == Value::Text && scalar.text.contains('$') => {
            let text = match work.text(&scalar.text, 0) {
                Ok(text) => text,
                Err(wrong) => {
                    files.wrong(node.place, |span| said(&wrong, &scalar.text, span));
                    String::new()
                }
            };
            for name in std::mem::take(&mut work.unset) {
                if work.told.len() < MAX_UNSET && work.told.insert(name.clone()) {
                    let says = format!(
                        "the variable {} is not set: nothing stands for it",
                        quoted(&name)
                    );
                    files.note(node.place, says);
                }
            }
            Kind::Scalar(Scalar::text(text))
        }
        kind => kind,
    };
    node
}

fn said(wrong: &Wrong, text: &str, span: spec::Span) -> Problem {
    match wrong {
        Wrong::Form => Problem::new(
            span,
            format!("{} has a variable that cannot be read", quoted(text)),
            "here",
        )
        .help("a variable is $NAME, ${NAME}, ${NAME:-default}, ${NAME:?why} or ${NAME:+instead}; write $$ for a $"),
        Wrong::Required { name, why } if why.is_empty() => Problem::new(
            span,
            format!("the variable {} has to be set", quoted(name)),
            "it is not",
        )
        .help("set it in the environment or in the file .env"),
        Wrong::Required { name, why } => Problem::new(
            span,
            format!("the variable {} has to be set: {why}", quoted(name)),
            "it is not",
        )
        .help("set it in the environment or in the file .env"),
        Wrong::Deep => Problem::new(span, "variables inside each other are too deep", "here")
            .help(format!("at most {MAX_NESTED} levels")),
        Wrong::Long => Problem::new(span, "the file becomes too long by its variables", "at the latest here")
            .help(format!("at most {} MiB of text", MAX_EXPANDED >> 20)),
    }
}

struct Work<'e> {
    environment: &'e Environment,
    /// Variables of this text that are not set.
    unset: BTreeSet<String>,
    /// Those that were told; of each the first place is.
    told: BTreeSet<String>,
    /// Bytes that may still be written.
    left: usize,
}

impl Work<'_> {
    fn text(&mut self, template: &str, depth: usize) -> Result<String, Wrong> {
        if depth > MAX_NESTED {
            return Err(Wrong::Deep);
        }
        let mut made = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            self.push(&mut made, &rest[..at])?;
            rest = &rest[at + 1..];
            if let Some(more) = rest.strip_prefix('$') {
                self.push(&mut made, "$")?;
                rest = more;
            } else if let Some(braced) = rest.strip_prefix('{') {
                let end = closing(braced).ok_or(Wrong::Form)?;
                let value = self.braced(&braced[..end], depth)?;
                self.push(&mut made, &value)?;
                rest = &braced[end + 1..];
            } else {
                let (name, more) = rest.split_at(name(rest));
                let value = match name {
                    // A `$` that begins no variable is one.
                    "" => "$".to_owned(),
                    _ => self.variable(name).unwrap_or_default(),
                };
                self.push(&mut made, &value)?;
                rest = more;
            }
        }
        self.push(&mut made, rest)?;
        Ok(made)
    }

    fn push(&mut self, made: &mut String, text: &str) -> Result<(), Wrong> {
        self.left = self.left.checked_sub(text.len()).ok_or(Wrong::Long)?;
        made.push_str(text);
        Ok(())
    }

    /// The value of a variable; that it is not set is noted.
    fn variable(&mut self, name: &str) -> Option<String> {
        let value = self.environment.get(name).cloned();
        if value.is_none() {
            self.unset.insert(name.to_owned());
        }
        value
    }

    /// What stands between the braces.
    fn braced(&mut self, text: &str, depth: usize) -> Result<String, Wrong> {
        let (name, rest) = text.split_at(name(text));
        if name.is_empty() {
            return Err(Wrong::Form);
        }
        let (filled, operator) = match rest.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, rest),
        };
        let Some(kind) = operator.chars().next() else {
            return if filled {
                Err(Wrong::Form)
            } else {
                Ok(self.variable(name).unwrap_or_default())
            };
        };
        let word = &operator[kind.len_utf8()..];
        // Not copied where only its being there counts: a long one may be asked for often.
        let value = self.environment.get(name);
        let there = value.is_some_and(|value| !filled || !value.is_empty());
        match (kind, there) {
            ('-' | '?', true) => Ok(value.cloned().unwrap_or_default()),
            ('-', false) | ('+', true) => self.text(word, depth + 1),
            ('+', false) => Ok(String::new()),
            ('?', false) => Err(Wrong::Required {
                name: name.to_owned(),
                why: self.text(word, depth + 1)?,
            }),
            _ => Err(Wrong::Form),
        }
    }
}

/// Bytes of the name a text begins with.
fn name(text: &str) -> usize {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !text.starts_with(first) {
        return 0;
    }
    text.find(|c: char| !first(c) && !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// Where the brace is that closes one that was opened before.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        (open == 0).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(template: &str, unset: &mut BTreeSet<String>) -> Result<String, Wrong> {
        let environment = [
            ("A", "a"),
            ("B", "b"),
            ("EMPTY", ""),
            ("_u1", "u"),
            ("DOLLAR", "$B"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut work = Work {
            environment: &environment,
            unset: BTreeSet::new(),
            told: BTreeSet::new(),
            left: MAX_EXPANDED,
        };
        let text = work.text(template, 0);
        unset.append(&mut work.unset);
        text
    }

    #[test]
    fn values_are_resolved_as_the_specification_says() {
        let table = [
            ("", ""),
            ("plain", "plain"),
            ("$A", "a"),
            ("${A}", "a"),
            ("$A$B", "ab"),
            ("${A}${B}", "ab"),
            ("x$A-y", "xa-y"),
            ("x${A}y", "xay"),
            ("$A.$B/$A", "a.b/a"),
            ("$_u1", "u"),
            ("${_u1}2", "u2"),
            ("$NO", ""),
            ("${NO}", ""),
            ("$EMPTY", ""),
            ("$AB", ""),
            // Escapes, and what is no variable.
            ("$$", "$"),
            ("$$A", "$A"),
            ("$$$A", "$a"),
            ("$$$$A", "$$A"),
            ("$${A}", "${A}"),
            ("$1", "$1"),
            ("$", "$"),
            ("a$", "a$"),
            ("$ A", "$ A"),
            ("5$.", "5$."),
            ("$(date)", "$(date)"),
            ("}", "}"),
            // Defaults.
            ("${A:-d}", "a"),
            ("${A-d}", "a"),
            ("${NO:-d}", "d"),
            ("${NO-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${NO:-}", ""),
            ("${NO-}", ""),
            ("${NO:-a b}", "a b"),
            ("${NO:-a:b-c?d}", "a:b-c?d"),
            ("${NO-:-x}", ":-x"),
            ("${NO:--1}", "-1"),
            ("${NO:-http://x:80/?q=1}", "http://x:80/?q=1"),
            ("${NO:-{\"a\": 1}}", "{\"a\": 1}"),
            // Instead.
            ("${A:+r}", "r"),
            ("${A+r}", "r"),
            ("${NO:+r}", ""),
            ("${NO+r}", ""),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${A:+}", ""),
            ("${A:+$B}", "b"),
            ("${A:+x${B}y}", "xby"),
            // Required, and there.
            ("${A:?e}", "a"),
            ("${A?e}", "a"),
            ("${EMPTY?e}", ""),
            // Inside each other.
            ("${NO:-$A}", "a"),
            ("${NO:-${A}}", "a"),
            ("${NO:-${NEITHER:-d}}", "d"),
            ("${NO-${NEITHER-${A}}}", "a"),
            ("${NO:-x${A}y${B}z}", "xaybz"),
            ("${NO:-$$A}", "$A"),
            ("${NO:-${EMPTY:-${B}}}", "b"),
            ("${A:-${NO:?never looked at}}", "a"),
            ("[${NO:-x}][${A:-y}]", "[x][a]"),
            // What a variable is set to is not looked at again.
            ("$DOLLAR", "$B"),
            ("${NO:-$DOLLAR}", "$B"),
            ("é${A}é", "éaé"),
        ];
        for (template, wanted) in table {
            let made = resolved(template, &mut BTreeSet::new());
            assert_eq!(made.as_deref(), Ok(wanted), "{template}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_says_why() {
        let required = |name: &str, why: &str| Wrong::Required {
            name: name.into(),
            why: why.into(),
        };
        let table = [
            ("${NO:?set it}", required("NO", "set it")),
            ("${NO?}", required("NO", "")),
            ("${EMPTY:?set it}", required("EMPTY", "set it")),
            ("${NO:?to $A or ${B}}", required("NO", "to a or b")),
            ("${NO:-${NEITHER:?e}}", required("NEITHER", "e")),
            ("${", Wrong::Form),
            ("${}", Wrong::Form),
            ("${A", Wrong::Form),
            ("${NO:-${A}", Wrong::Form),
            ("${1}", Wrong::Form),
            ("${A B}", Wrong::Form),
            ("${A:}", Wrong::Form),
            ("${A/x/y}", Wrong::Form),
            ("${A:1}", Wrong::Form),
            ("${ A}", Wrong::Form),
            ("${-x}", Wrong::Form),
        ];
        for (template, wanted) in table {
            assert_eq!(
                resolved(template, &mut BTreeSet::new()),
                Err(wanted),
                "{template}"
            );
        }
    }

    #[test]
    fn what_is_not_set_and_has_no_default_is_known() {
        let mut unset = BTreeSet::new();
        resolved(
            "$A ${NO:-x} ${EMPTY} $ONE ${TWO} ${THREE-$FOUR} ${FIVE+x}",
            &mut unset,
        )
        .ok();
        let unset: Vec<&str> = unset.iter().map(String::as_str).collect();
        assert_eq!(unset, ["FOUR", "ONE", "TWO"]);
    }

    #[test]
    fn hostile_values_end_at_a_limit() {
        let nested = "${NO:-".repeat(100_000) + &"}".repeat(100_000);
        assert_eq!(resolved(&nested, &mut BTreeSet::new()), Err(Wrong::Deep));
        let environment = [("L".to_owned(), "x".repeat(100_000))].into();
        let mut work = Work {
            environment: &environment,
            unset: BTreeSet::new(),
            told: BTreeSet::new(),
            left: MAX_EXPANDED,
        };
        assert_eq!(work.text(&"$L".repeat(10_000), 0), Err(Wrong::Long));
    }
}
