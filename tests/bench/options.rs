//! The words after the name of a bench.
//!
//! A bench takes the options it knows out of [`Options`] and ends with [`Options::end`], which
//! complains about whatever is left: a mistyped option never measures something else in silence.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// The `azora` to measure; the shim, the organ and the puppet lie beside it.
    pub(crate) azora: PathBuf,
    /// Where the figures go, unless to standard output.
    pub(crate) json: Option<PathBuf>,
    words: Vec<String>,
}

impl Options {
    /// Takes the common ones; the rest is the bench's.
    pub(crate) fn read(words: Vec<String>) -> Result<Self, String> {
        let mut options = Self {
            azora: PathBuf::new(),
            json: None,
            words,
        };
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| tests::root().join("target"), PathBuf::from);
        let azora = options.text("--azora")?;
        let mut built = target.join("release/azora");
        // Failpoints are in a debug build only, and then there may be no other.
        if cfg!(debug_assertions) && !built.exists() {
            built = target.join("debug/azora");
        }
        options.azora = found(azora.map_or(built, PathBuf::from))?;
        options.json = options.text("--json")?.map(PathBuf::from);
        Ok(options)
    }

    /// The program of that name beside the `azora` that is measured.
    pub(crate) fn beside(&self, name: &str) -> Result<PathBuf, String> {
        found(self.azora.with_file_name(name))
    }

    /// The value of `--name VALUE`.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(at) = self.words.iter().position(|word| word == name) else {
            return Ok(None);
        };
        if at + 1 >= self.words.len() {
            return Err(format!("{name} wants a value"));
        }
        self.words.remove(at);
        Ok(Some(self.words.remove(at)))
    }

    /// The value of `--name NUMBER`, or this one.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str, usual: T) -> Result<T, String> {
        match self.text(name)? {
            None => Ok(usual),
            Some(text) => text
                .parse()
                .map_err(|_| format!("{name} wants a number, not {text:?}")),
        }
    }

    /// The value of `--name SECONDS`, or so many.
    pub(crate) fn seconds(&mut self, name: &str, usual: u64) -> Result<Duration, String> {
        self.number(name, usual).map(Duration::from_secs)
    }

    /// The folder given without a name, or this one of the project. To be asked for last: what is left
    /// without a dash is it.
    pub(crate) fn folder(&mut self, usual: &str) -> Result<PathBuf, String> {
        let at = self.words.iter().position(|word| !word.starts_with('-'));
        found(at.map_or_else(
            || tests::root().join(usual),
            |at| PathBuf::from(self.words.remove(at)),
        ))
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), String> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(format!("{word} is unknown; --help lists what it takes")),
        }
    }
}

fn found(path: PathBuf) -> Result<PathBuf, String> {
    path.canonicalize()
        .map_err(|error| format!("failed to find {}: {error}", path.display()))
}

#[cfg(test)]
mod reading {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn options_are_read_and_nonsense_refused() {
        let mut options = read("--azora /bin/sh --window 5 --kills two /tmp --fast")
            .expect("what is common is right");
        assert_eq!(options.seconds("--window", 60), Ok(Duration::from_secs(5)));
        assert_eq!(options.number("--runs", 3), Ok(3));
        assert!(options.number("--kills", 1).is_err());
        assert_eq!(options.folder("examples"), Ok("/tmp".into()));
        assert!(options.end().is_err_and(|wrong| wrong.contains("--fast")));
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert!(read("--azora").is_err());
        assert!(read("--azora /no/such").is_err_and(|wrong| wrong.contains("/no/such")));
    }
}
