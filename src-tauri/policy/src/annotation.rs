//! What stands before a rule: its name, its sentence, and which approvals lift it.

use crate::limits::{MAX_APPROVALS, MAX_ID, MAX_SAYS, MAX_WITHIN};
use cedar_policy::{Effect, Policy};
use spec::{Problem, Problems, Span, nearest, quoted};
use std::time::Duration;

/// The names there are.
const KNOWN: [&str; 4] = ["id", "says", "approvals", "within"];

/// What an approval of a rule has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Approvals {
    /// How many persons.
    pub(crate) count: u32,
    /// Within what time.
    pub(crate) within: Duration,
}

/// What stands before a rule.
#[derive(Debug, Clone)]
pub(crate) struct Annotated {
    pub(crate) id: String,
    pub(crate) says: String,
    pub(crate) approvals: Option<Approvals>,
}

/// Reads it; `None` when something is wrong, which is among `problems`. `text` is the rule, which begins
/// at `at` in its file.
pub(crate) fn read(
    policy: &Policy,
    text: &str,
    at: usize,
    problems: &mut Problems,
) -> Option<Annotated> {
    let before = problems.is_empty();
    let place = |key: &str| place(text, at, key);
    for (key, _) in policy.annotations() {
        if !KNOWN.contains(&key) {
            problems.add(|| {
                let meant = nearest(key, KNOWN).map(|known| format!("did you mean @{known}? "));
                Problem::new(
                    place(key),
                    format!("a rule has no @{key}"),
                    "not an annotation of a rule",
                )
                .help(format!(
                    "{}there are @id, @says, @approvals and @within",
                    meant.unwrap_or_default()
                ))
            });
        }
    }
    let id = match policy.annotation("id") {
        Some(id) if is_id(id) => Some(id.to_owned()),
        Some(id) => {
            problems.add(|| {
                Problem::new(
                    place("id"),
                    format!("{} is not the name of a rule", quoted(id)),
                    "not a name",
                )
                .help(format!(
                    "a name has at most {MAX_ID} small letters, digits and dashes: @id(\"keep-db\")"
                ))
            });
            None
        }
        None => {
            problems.add(|| {
                Problem::new(
                    first_line(text, at),
                    "the rule has no name",
                    "a rule without @id",
                )
                .help("write @id(\"…\") before it: decisions name the rules they come from")
            });
            None
        }
    };
    let says = match policy.annotation("says").map(str::trim) {
        Some(says) if !says.is_empty() && says.chars().count() <= MAX_SAYS => Some(says.to_owned()),
        Some(says) => {
            problems.add(|| {
                let wrong = match says.is_empty() {
                    true => "the rule says nothing".to_owned(),
                    false => format!("the sentence is longer than {MAX_SAYS} characters"),
                };
                Problem::new(place("says"), wrong, "not a sentence")
                    .help("one short sentence that a person reads when this rule decides")
            });
            None
        }
        None => {
            problems.add(|| {
                Problem::new(
                    first_line(text, at),
                    "the rule has no sentence",
                    "a rule without @says",
                )
                .help("write @says(\"…\") before it: a person reads that when this rule decides")
            });
            None
        }
    };
    let approvals = approvals(policy, &place, problems);
    if before != problems.is_empty() {
        return None;
    }
    Some(Annotated {
        id: id?,
        says: says?,
        approvals,
    })
}

fn approvals(
    policy: &Policy,
    place: &impl Fn(&str) -> Span,
    problems: &mut Problems,
) -> Option<Approvals> {
    let (count, within) = match (policy.annotation("approvals"), policy.annotation("within")) {
        (None, None) => return None,
        (Some(count), Some(within)) => (count, within),
        (count, _) => {
            let (there, other) = match count {
                Some(_) => ("approvals", "within"),
                None => ("within", "approvals"),
            };
            problems.add(|| {
                Problem::new(
                    place(there),
                    format!("@{there} has no @{other} beside it"),
                    "half of it",
                )
                .help("both belong together: @approvals(\"1\") and @within(\"15m\")")
            });
            return None;
        }
    };
    if policy.effect() == Effect::Permit {
        problems.add(|| {
            Problem::new(
                place("approvals"),
                "a `permit` asks for no approval",
                "only a `forbid` can be lifted",
            )
            .help("write a `forbid … unless { context.approvals >= 1 };` beside it and put this there")
        });
        return None;
    }
    let number = count
        .parse()
        .ok()
        .filter(|n| (1..=MAX_APPROVALS).contains(n));
    if number.is_none() {
        problems.add(|| {
            Problem::new(
                place("approvals"),
                format!("{} is not a number of approvals", quoted(count)),
                "not such a number",
            )
            .help(format!("from 1 to {MAX_APPROVALS}: @approvals(\"1\")"))
        });
    }
    let time = minutes(within);
    if time.is_none() {
        problems.add(|| {
            Problem::new(
                place("within"),
                format!("{} is not a time to approve in", quoted(within)),
                "not such a time",
            )
            .help("minutes or hours, at most a day: @within(\"15m\") or @within(\"2h\")")
        });
    }
    Some(Approvals {
        count: number?,
        within: time?,
    })
}

fn is_id(id: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(fits)
}

/// "15m" or "2h".
fn minutes(text: &str) -> Option<Duration> {
    let (number, seconds) = match text.strip_suffix('h') {
        Some(number) => (number, 3_600),
        None => (text.strip_suffix('m')?, 60),
    };
    let digits = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
    let number: u64 = digits.then(|| number.parse().ok())??;
    let time = Duration::from_secs(number.checked_mul(seconds)?);
    (!time.is_zero() && time <= MAX_WITHIN).then_some(time)
}

/// Where an annotation stands.
fn place(text: &str, at: usize, key: &str) -> Span {
    let found = text.match_indices('@').find(|(start, _)| {
        let rest = text[start + 1..].trim_start();
        let ends = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        rest.strip_prefix(key).is_some_and(ends)
    });
    match found {
        Some((start, _)) => {
            let line = text[start..].lines().next().map_or(1, str::len);
            at + start..at + start + line
        }
        None => first_line(text, at),
    }
}

/// Where a rule begins.
pub(crate) fn first_line(text: &str, at: usize) -> Span {
    at..at + text.lines().next().map_or(0, str::len).max(1)
}
