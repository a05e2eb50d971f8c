//! Whether a text holds a secret: the forms of well-known tokens, and values that look random where a name says that
//! they are secret. What is found is told by its kind, and never repeated.
//!
//! Random-looking is meant to be rare among what is none: uuids, digests, versions, paths, ids and images in base64
//! stand in every environment and every log, and are no finding without a name that says so. A password that is made
//! of words is not found: it is a weak one, and so is a default that everybody knows.

pub(crate) mod forms;
pub(crate) mod random;

use model::ThreatKind;
use std::fmt;

/// What kind of secret, in a few words: "a GitHub token".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub(crate) &'static str);

impl Kind {
    /// A value that looks random, under a name that says it is secret.
    pub const NAMED: Kind = Kind("a random value under a name that says it is secret");
    /// A long value that looks random.
    pub const RANDOM: Kind = Kind("a long random value");
    /// A password between a name and a host.
    pub const IN_URL: Kind = Kind("a password in a URL");
    /// What is said to authorize whoever says it.
    pub const BEARER: Kind = Kind("what an Authorization header holds");
    /// A private key.
    pub const PRIVATE_KEY: Kind = Kind("a private key");

    /// The words.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Bytes of a text that are looked at.
const LOOKED_AT: usize = 64 * 1024;
/// A random value under a name that says it is secret is at least so long.
const NAMED: usize = 12;
/// The same in a log or among arguments, where names are shorter and mean less.
const ASSIGNED: usize = 16;

/// A secret that stands as the value of a variable.
pub fn in_variable(name: &str, value: &str) -> Option<Kind> {
    let value = start_of(value.trim());
    if let Some(kind) = plain(value) {
        return Some(kind);
    }
    let words = Name::of(name);
    if words.harmless() {
        return None;
    }
    if words.secret() && random::looks(value, NAMED) {
        return Some(Kind::NAMED);
    }
    random::without_name(value).then_some(Kind::RANDOM)
}

/// The first secret among the arguments of a process, its program's name first: which one, from 0.
pub fn in_arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Option<(usize, Kind)> {
    let mut before = "";
    for (at, argument) in arguments.into_iter().enumerate() {
        let argument = start_of(argument);
        let found = plain(argument).or_else(|| assigned(argument)).or_else(|| {
            // `--password VALUE`
            let name = before.strip_prefix('-')?;
            let named = !name.contains('=') && Name::of(name).says_secret();
            (named && random::looks(argument, ASSIGNED)).then_some(Kind::NAMED)
        });
        if let Some(kind) = found {
            return Some((at, kind));
        }
        before = argument;
    }
    None
}

/// A secret in a line of a log, or in any other text.
pub fn in_text(text: &str) -> Option<Kind> {
    let text = start_of(text);
    plain(text).or_else(|| assigned(text))
}

/// What needs no name: it is known by its form.
fn plain(text: &str) -> Option<Kind> {
    forms::token(text).or_else(|| in_url(text))
}

fn start_of(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

/// `NAME=value`, `name: value`, `"name":"value"`, and `Bearer value`.
fn assigned(text: &str) -> Option<Kind> {
    for (at, sign) in text.match_indices(['=', ':']) {
        let name = before(&text[..at]);
        if !may_say_secret(name) {
            continue;
        }
        let words = Name::of(name);
        let value = after(&text[at + sign.len()..]);
        if words.has("authorization") {
            // A scheme comes first: `Bearer`, `Basic`, `token`.
            let rest = text[at + sign.len()..].trim_start_matches([' ', '"', '\'']);
            let second = rest.split_once(' ').map_or("", |(_, secret)| after(secret));
            if random::looks(value, ASSIGNED) || random::looks(second, ASSIGNED) {
                return Some(Kind::BEARER);
            }
        }
        if words.says_secret() && random::looks(value, ASSIGNED) {
            return Some(Kind::NAMED);
        }
    }
    None
}

/// A quick look before a close one: most names in a log have nothing of the kind.
fn may_say_secret(name: &str) -> bool {
    /// Each word that makes a value secret has one of these in it.
    const STEMS: [&[u8]; 7] = [b"pass", b"secr", b"toke", b"cred", b"key", b"auth", b"pwd"];
    let name = name.as_bytes();
    let has = |stem: &[u8]| {
        name.windows(stem.len())
            .any(|part| part.eq_ignore_ascii_case(stem))
    };
    STEMS.iter().any(|stem| has(stem))
}

/// The name that ends here, without the quote that may close it.
fn before(text: &str) -> &str {
    /// Longer ones are none.
    const LONGEST: usize = 64;
    let text = text.trim_end_matches([' ', '"', '\'', '\\']);
    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = text.trim_end_matches(of_name);
    let name = &text[name.len()..];
    if name.len() <= LONGEST { name } else { "" }
}

/// The value that begins here.
fn after(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '"', '\'', '\\']);
    let ends = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '"' | '\'' | ',' | ';' | ')' | '}' | ']' | '&' | '\\' | '<'
            )
    };
    text.split(ends).next().unwrap_or_default()
}

/// `scheme://name:password@host`, where the password looks random.
fn in_url(text: &str) -> Option<Kind> {
    for (at, _) in text.match_indices("://") {
        let rest = &text[at + 3..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<');
        let authority = rest.split(ends).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            continue;
        };
        if let Some((_, password)) = user.split_once(':')
            && random::looks(password, NAMED)
        {
            return Some(Kind::IN_URL);
        }
    }
    None
}

/// The words of a name, in any of the ways in which people join them.
pub(crate) struct Name(Vec<String>);

/// One of them makes a value secret.
const SECRET: [&str; 9] = [
    "password",
    "pwd",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "credential",
    "credentials",
];
/// Before `key` they do.
const KEYS: [&str; 10] = [
    "api",
    "private",
    "access",
    "secret",
    "auth",
    "signing",
    "encryption",
    "master",
    "session",
    "license",
];
/// One of them makes it none: it is about a secret, or not a secret at all.
const ABOUT: [&str; 41] = [
    "public",
    "pub",
    "file",
    "path",
    "dir",
    "name",
    "id",
    "count",
    "limit",
    "max",
    "min",
    "ttl",
    "expiry",
    "expires",
    "timeout",
    "length",
    "size",
    "type",
    "page",
    "next",
    "cursor",
    "csrf",
    "xsrf",
    "header",
    "algorithm",
    "issuer",
    "version",
    "usage",
    "prefix",
    "hash",
    "digest",
    "checksum",
    "fingerprint",
    "commit",
    "revision",
    "sha",
    "sum",
    "integrity",
    "hasher",
    "policy",
    "provider",
];

/// Sounds of secrets, and everybody knows what it is: the folder that a shell is in or was in, and what our own threats
/// are called.
fn is_known(name: &str) -> bool {
    const OWN: [ThreatKind; 3] = [
        ThreatKind::SecretInEnvironment,
        ThreatKind::SecretInArguments,
        ThreatKind::SecretInLog,
    ];
    ["PWD", "OLDPWD"].contains(&name) || OWN.iter().any(|kind| kind.name() == name)
}

impl Name {
    pub(crate) fn of(name: &str) -> Self {
        if is_known(name) {
            return Self(Vec::new());
        }
        let mut words = vec![String::new()];
        let mut lower = false;
        for c in name.chars().take(256) {
            if !c.is_ascii_alphanumeric() || (lower && c.is_ascii_uppercase()) {
                words.push(String::new());
            }
            lower = c.is_ascii_lowercase();
            if let Some(last) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
                last.push(c.to_ascii_lowercase());
            }
        }
        words.retain(|word| !word.is_empty());
        Self(words)
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|one| one == word)
    }

    fn harmless(&self) -> bool {
        self.0.iter().any(|word| ABOUT.contains(&word.as_str()))
    }

    fn secret(&self) -> bool {
        let pairs = self.0.windows(2);
        self.0.iter().any(|word| SECRET.contains(&word.as_str()))
            || self.password()
            || pairs.into_iter().any(|pair| match pair {
                [first, key] => key == "key" && KEYS.contains(&first.as_str()),
                _ => false,
            })
    }

    /// It is about a password, or about something that is called a secret: `PGPASSWORD`.
    pub(crate) fn password(&self) -> bool {
        const ENDS: [&str; 5] = ["password", "passwd", "pwd", "passphrase", "secret"];
        let ends = |word: &String| ENDS.iter().any(|end| word.ends_with(end));
        self.0.iter().any(ends)
    }

    pub(crate) fn says_secret(&self) -> bool {
        self.secret() && !self.harmless()
    }

    /// It is what variables of passwords and logins are called for short: `DB_PASS`, `REDIS_AUTH`.
    pub(crate) fn says_pass(&self) -> bool {
        const SHORT: [&str; 5] = ["pass", "dbpass", "pgpass", "userpass", "rootpass"];
        let last = self.0.last().map(String::as_str);
        let short = last.is_some_and(|last| SHORT.contains(&last) || last == "auth");
        short && !self.harmless()
    }
}

/// Whether a name says that what it names is secret.
pub fn is_named(name: &str) -> bool {
    Name::of(name).says_secret()
}

/// The password between a name and a host in a value that is a URL, as it is written there.
pub fn password_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    crate::redact::telling(password).then_some(password)
}
