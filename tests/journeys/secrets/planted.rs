//! The canaries: fifty secrets of nobody's, and how each is planted.

use aho_corasick::AhoCorasick;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tests::dice::Dice;

/// What each is called, and how it is planted. The story plants them by these names.
pub(super) const HOW: [(&str, &str); 50] = [
    ("file-log", "a secret file, printed to a log"),
    ("file-base64", "a secret file, printed in base64"),
    (
        "file-percent",
        "a secret file with odd letters, printed percent-encoded",
    ),
    (
        "file-json",
        "a secret file with quotes in it, printed as JSON writes it",
    ),
    ("file-words", "a secret file of plain words, printed"),
    (
        "file-lines",
        "a secret file of two lines, printed line by line",
    ),
    ("command-log", "a secret of a command, printed"),
    (
        "file-incident",
        "a secret file, in the last words of a service that fails",
    ),
    (
        "file-health",
        "a secret file, in what a health check prints",
    ),
    (
        "file-hook",
        "a secret file, in what a hook before the start prints",
    ),
    (
        "file-after",
        "a secret file, in what a hook after readiness prints",
    ),
    (
        "file-notify",
        "a secret file, in what a service says of itself to its manager",
    ),
    ("env-password", "env of the definition, by its name"),
    ("env-url", "env of the definition, a password in a URL"),
    ("env-github", "env of the definition, a GitHub token"),
    (
        "env-random",
        "env of the definition, a long random value under no name",
    ),
    ("envfile-stripe", "an env file, a Stripe key"),
    ("envfile-secret", "an env file, by its name"),
    (
        "envfile-log",
        "an env file, by its name, and printed to a log as it is",
    ),
    (
        "terminal-npm",
        "the environment of the terminal, an npm token",
    ),
    ("arg-flag", "an argument, `--password VALUE`"),
    ("arg-equals", "an argument, `--api-key=VALUE`"),
    ("arg-url", "an argument, a password in a URL"),
    ("arg-header", "an argument, an Authorization header"),
    ("log-logfmt", "a log line, `password=VALUE`"),
    ("log-json", "a log line of JSON, `\"token\":\"VALUE\"`"),
    ("log-nested", "a log line of JSON within JSON"),
    ("log-python", "a log line, `'secret': 'VALUE'`"),
    ("log-bearer", "a log line, `Authorization: Bearer VALUE`"),
    ("log-basic", "a log line, `Authorization: Basic VALUE`"),
    ("log-url", "a log line, a password in a URL"),
    ("log-query", "a log line, `?api_key=VALUE`"),
    ("log-pem", "log lines, a private key"),
    ("log-colour", "a log line, with a colour in its midst"),
    ("log-github", "a log line, a GitHub token in a sentence"),
    ("log-jwt", "a log line, a signed token"),
    ("log-random", "a log line, a long random value"),
    ("log-long", "a log line of 100 KiB"),
    ("log-open", "a log line without an end"),
    ("log-error", "a log line that looks like an error"),
    (
        "meta-name",
        "metadata of a program that registered itself, by its name",
    ),
    ("meta-tag", "a tag of one, a GitLab token"),
    ("meta-url", "metadata of one, a password in a URL"),
    ("reason", "the reason of an act, `token=VALUE`"),
    (
        "reason-known",
        "the reason of an act: a secret file's value without any name",
    ),
    (
        "reason-approval",
        "the reason of an act that waits for persons",
    ),
    ("webhook", "the address of a webhook, a password in it"),
    (
        "request",
        "a request through the gateway: its query and its header",
    ),
    ("mistake", "a definition with a mistake in the same line"),
    ("panic", "what a fault of Azora's own says"),
];

/// The values by name, the same in every run.
pub(super) struct Planted {
    values: BTreeMap<&'static str, String>,
    /// What would show one of them, and whose it is.
    parts: AhoCorasick,
    whose: Vec<&'static str>,
}

impl Planted {
    pub(super) fn new() -> Self {
        let mut dice = Dice(4711);
        let value = |name: &'static str| (name, like(name, &mut dice));
        let values = BTreeMap::from(HOW.map(|(name, _)| name).map(value));
        let shown = values.iter().flat_map(|(name, value)| {
            let parts = all_parts(value).into_iter();
            parts.map(|part| (part, *name))
        });
        let (parts, whose): (Vec<_>, Vec<_>) = shown.unzip();
        let parts = AhoCorasick::new(parts).expect("they are not too many");
        Self {
            values,
            parts,
            whose,
        }
    }

    pub(super) fn of(&self, name: &str) -> &str {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("no canary is called {name}"))
    }

    /// Which of them stand in a text, whole or in part: any twelve letters in a row of one.
    pub(super) fn seen(&self, text: &[u8]) -> BTreeSet<&'static str> {
        let found = self.parts.find_overlapping_iter(text);
        found.map(|part| self.whose[part.pattern()]).collect()
    }
}

/// All letters in a row, so many, of a value in each form in which it could be shown.
fn all_parts(value: &str) -> Vec<Vec<u8>> {
    const PART: usize = 12;
    let of = |text: &str| -> Vec<Vec<u8>> {
        // The head of a private key is nobody's secret.
        let lines = text.lines().filter(|line| !line.starts_with("---"));
        let parts = lines.flat_map(|line| line.as_bytes().windows(PART));
        parts.map(<[u8]>::to_vec).collect()
    };
    let encoded = [
        base64(value.as_bytes()),
        base64(format!("me:{value}").as_bytes()),
        percent(value),
    ];
    let mut all = of(value);
    for one in encoded {
        // What is around a value in base64 is not its own.
        all.extend(of(one.trim_end_matches('=').get(4..).unwrap_or_default()));
    }
    all
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group
            .iter()
            .fold(0_u32, |all, byte| all << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for nth in 0..=group.len() {
            text.push(char::from(
                LETTERS[(number >> (18 - 6 * nth) & 63) as usize],
            ));
        }
    }
    text
}

pub(super) fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn like(name: &str, dice: &mut Dice) -> String {
    let random = |dice: &mut Dice, letters: &[u8], count: usize| -> String {
        let all = letters.len() as u64;
        (0..count)
            .map(|_| char::from(letters[usize::try_from(dice.below(all)).unwrap_or(0)]))
            .collect()
    };
    const PLAIN: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let body = random(dice, PLAIN, 40);
    match name {
        "file-percent" => format!("p&{}/é+{}", &body[..10], &body[10..20]),
        "file-json" => format!("j\"{}\\{}\"", &body[..10], &body[10..20]),
        "file-words" => "correct horse battery staple".to_owned(),
        "file-lines" => format!("{}\n{}", &body[..18], &body[18..36]),
        "env-github" | "log-github" => format!("ghp_{}", random(dice, PLAIN, 36)),
        "envfile-stripe" => format!("sk_live_{}", &body[..24]),
        "terminal-npm" => format!("npm_{}", random(dice, PLAIN, 36)),
        "meta-tag" => format!("glpat-{}", &body[..20]),
        "log-jwt" => format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.{body}"),
        "log-pem" => {
            let lines = (0..3).map(|_| random(dice, PLAIN, 64));
            let mut key = "-----BEGIN PRIVATE KEY-----\n".to_owned();
            for line in lines {
                let _ = writeln!(key, "{line}");
            }
            key + "-----END PRIVATE KEY-----"
        }
        "env-random" | "log-random" => body,
        // Hexadecimal digits are the least that a random value may have.
        "log-logfmt" => random(dice, b"0123456789abcdef", 32),
        _ => body[..24].to_owned(),
    }
}
