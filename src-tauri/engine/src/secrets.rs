//! Reading secrets when a service starts, and keeping them out of everything that is shown.
//!
//! They live in this process's memory and in the service's environment. What is written down is
//! where they come from, and the driver's keyed hash of what they were.

use crate::hidden;
use driver::{Captured, ExecLaunch, ExecOutcome, NotRun, ProcessDriver, SecretText};
use model::ClusterId;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Bytes of one secret. Linux passes at most 128 KiB in one variable.
const MAX: usize = spec::limits::MAX_TEXT;
/// What a password manager may take, a touch of a key included.
const PATIENCE: Duration = Duration::from_secs(30);
/// A shorter secret is part of any sentence: hiding it would show it.
const HIDEABLE: usize = 4;
/// What is said instead of a text of which nothing can be shown.
pub(crate) const NOT_SHOWN: &str = "what it said may hold a secret, and is not shown";

/// Where a secret is to be read.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// In this file, which the definition calls so.
    File { named: String, path: PathBuf },
    /// From this command's standard output.
    Command(ExecLaunch),
}

/// Secrets that are to be read, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted(pub(crate) BTreeMap<String, Source>);

/// Secrets that were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(pub(crate) BTreeMap<String, SecretText>);

impl Secrets {
    /// Reads all of them, side by side.
    ///
    /// # Errors
    /// The first that cannot be read, why, and what to do about it.
    pub(crate) async fn read(
        cluster: &ClusterId,
        wanted: Wanted,
        driver: &Arc<ProcessDriver>,
    ) -> Result<Self, NotRun> {
        let mut reading = JoinSet::new();
        for (name, source) in wanted.0 {
            let driver = Arc::clone(driver);
            reading.spawn(async move {
                let secret = one(source, &driver).await;
                let secret = match secret {
                    Err(Unread::Short(why)) => return Err(NotRun::Short(why)),
                    Err(Unread::Missing(missing)) => Err(missing),
                    Ok(read) => text(read),
                };
                let secret = secret.map_err(|(from, why, remedy)| {
                    let why = format!("failed to read the secret {name}{from}: {why}; {remedy}");
                    NotRun::Failed(why)
                });
                secret.map(|secret| (name, SecretText::new(secret)))
            });
        }
        let mut secrets = BTreeMap::new();
        while let Some(read) = reading.join_next().await {
            let broken = |_| NotRun::Failed("reading a secret broke off".to_owned());
            let (name, secret) = read.map_err(broken)??;
            hidden::learn(Some(cluster), [secret.reveal()]);
            secrets.insert(name, secret);
        }
        Ok(Self(secrets))
    }

    /// A text that others may see: the secrets in it are hidden. A secret of several lines is also
    /// hidden where only some of them are, for a log is read by the line.
    pub(crate) fn hide(&self, text: String) -> String {
        let mut all: Vec<&str> = self.0.values().map(SecretText::reveal).collect();
        let lines = all.iter().filter(|secret| secret.contains('\n'));
        let lines: Vec<&str> = lines
            .flat_map(|secret| secret.lines().map(str::trim))
            .filter(|line| line.len() >= HIDEABLE)
            .collect();
        all.extend(lines);
        all.retain(|secret| text.contains(secret));
        if all.iter().any(|secret| secret.len() < HIDEABLE) {
            return NOT_SHOWN.to_owned();
        }
        // The longest first: one may be part of another.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let hidden = |text: String, secret: &str| text.replace(secret, hidden::HIDDEN);
        let text = all.into_iter().fold(text, hidden);
        // And what can be told without knowing it.
        hidden::hide(None, text)
    }
}

/// What a probe says of an answer, without what the answer itself says: that may hold a secret, and
/// which ones there are is not known since another engine read them.
pub(crate) fn unquoted(detail: String) -> String {
    const ANSWERED: &str = " answered ";
    let Some(at) = detail.find(ANSWERED) else {
        return detail;
    };
    let status = |c: char| c.is_ascii_digit();
    let (answered, said) = detail.split_at(at + ANSWERED.len());
    let rest = said.trim_start_matches(status);
    if rest.is_empty() {
        return detail;
    }
    let status = said.strip_suffix(rest).unwrap_or_default();
    format!("{answered}{status}; {NOT_SHOWN}")
}

/// From where, why not, and what to do about it.
type Missing = (String, String, &'static str);

/// Why there is nothing to look at.
enum Unread {
    /// The machine has no room to look.
    Short(String),
    Missing(Missing),
}

fn text(read: (Vec<u8>, String)) -> Result<String, Missing> {
    let (bytes, from) = read;
    let missing = |why: &str, remedy| (from.clone(), why.to_owned(), remedy);
    let text = String::from_utf8(bytes)
        .map_err(|_| missing("it is not UTF-8 text", "encode it as text, as base64 does"))?;
    // As `$(…)` takes it: files and commands end their last line.
    let text = text.trim_end_matches(['\n', '\r']);
    match text {
        "" => Err(missing("it is empty", "put the secret there")),
        long if long.len() > MAX => Err(missing(
            "it is longer than 32 KiB",
            "let the program read the file itself",
        )),
        odd if odd.contains('\0') => Err(missing(
            "it has a NUL character in it",
            "encode it as text, as base64 does",
        )),
        text => Ok(text.to_owned()),
    }
}

async fn one(source: Source, driver: &ProcessDriver) -> Result<(Vec<u8>, String), Unread> {
    let missing = |from, why, remedy| Err(Unread::Missing((from, why, remedy)));
    match source {
        Source::File { named, path } => {
            let from = format!(" from {named}");
            let read = tokio::task::spawn_blocking(move || file(&path)).await;
            match read {
                Ok(Ok(bytes)) => Ok((bytes, from)),
                Ok(Err(error)) => match NotRun::of(&format!("read {named}"), &error) {
                    NotRun::Short(why) => Err(Unread::Short(why)),
                    NotRun::Failed(_) => {
                        missing(from, words(&error), "write the file, or name another one")
                    }
                },
                Err(_) => missing(from, "reading it broke off".into(), "try again"),
            }
        }
        Source::Command(launch) => {
            const REMEDY: &str = "run the command in a terminal to see what it wants";
            let from = format!(" from `{}`", launch.argv.join(" "));
            match driver.capture(launch, PATIENCE).await {
                Ok(Captured(bytes)) => Ok((bytes, from)),
                Err(ExecOutcome::Exit { status, said }) if said.is_empty() => {
                    missing(from, format!("it {status}"), REMEDY)
                }
                Err(ExecOutcome::Exit { status, said }) => {
                    missing(from, format!("it {status}: {said}"), REMEDY)
                }
                Err(ExecOutcome::TimedOut) => {
                    let why = format!("it had not ended after {PATIENCE:?}");
                    let remedy = "it may wait for somebody to type or to touch a key";
                    missing(from, why, remedy)
                }
                Err(ExecOutcome::Failed(why) | ExecOutcome::NotFound(why)) => {
                    missing(from, why, REMEDY)
                }
                Err(ExecOutcome::Short(why)) => Err(Unread::Short(why)),
            }
        }
    }
}

fn words(error: &std::io::Error) -> String {
    let text = error.to_string().to_lowercase();
    let text = text.split(" (os error").next();
    text.unwrap_or_default().to_owned()
}

fn file(path: &Path) -> std::io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    // One more than allowed shows that it is too long; a line end may follow what is not.
    let most = MAX as u64 + 2;
    std::fs::File::open(path)?
        .take(most)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a secret's file holds now, if it can be read; for comparing.
pub(crate) fn peek(path: &Path) -> Option<SecretText> {
    let read = file(path).ok()?;
    text((read, String::new())).ok().map(SecretText::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let named = values.iter().enumerate();
        let secret =
            |(n, text): (usize, &&str)| (format!("S{n}"), SecretText::new((*text).to_owned()));
        Secrets(named.map(secret).collect())
    }

    #[test]
    fn what_is_shown_hides_every_secret_in_it() {
        let secrets = secrets(&["hunter2", "hunter2-and-more"]);
        let shown = secrets.hide("login hunter2-and-more failed, hunter2 too".into());
        assert_eq!(shown, "login ••• failed, ••• too");
        assert_eq!(secrets.hide("nothing in it".into()), "nothing in it");
    }

    #[test]
    fn a_secret_of_several_lines_is_hidden_line_by_line() {
        let key = "-----BEGIN KEY-----\r\nMIIEvQIBADAN\n}\n-----END KEY-----";
        let secrets = secrets(&[key]);
        assert_eq!(secrets.hide("  MIIEvQIBADAN".into()), "  •••");
        assert_eq!(secrets.hide("-----BEGIN KEY-----".into()), "•••");
        // What is no secret by itself hides nothing.
        assert_eq!(secrets.hide("fn main() {}".into()), "fn main() {}");
        assert_eq!(secrets.hide(format!("got {key}!")), "got •••!");
    }

    #[test]
    fn an_answer_is_told_without_what_it_says() {
        let kept = ["GET /health answered 200", "tcp 80 refused"];
        for detail in kept {
            assert_eq!(unquoted(detail.into()), detail);
        }
        let shown = unquoted("GET /health answered 503, db says postgres://me:hunter2@db".into());
        assert_eq!(
            shown,
            "GET /health answered 503; what it said may hold a secret, and is not shown"
        );
    }

    #[test]
    fn a_secret_too_short_to_be_hidden_hides_the_sentence() {
        let shown = secrets(&["7"]).hide("got 7 of 17 rows".into());
        assert!(!shown.contains('7'), "{shown}");
    }

    #[test]
    fn a_value_is_read_as_the_shell_would() {
        let read = |bytes: &[u8]| text((bytes.to_vec(), " from x".into()));
        assert_eq!(read(b"a b\r\n\n").unwrap(), "a b");
        assert_eq!(read(b"\n").unwrap_err().1, "it is empty");
        assert_eq!(read(b"\xff").unwrap_err().1, "it is not UTF-8 text");
        assert_eq!(read(b"a\0b").unwrap_err().1, "it has a NUL character in it");
        assert!(read(&vec![b'x'; MAX]).is_ok());
        assert!(read(&vec![b'x'; MAX + 1]).is_err());
    }
}
