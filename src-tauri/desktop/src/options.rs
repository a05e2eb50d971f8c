//! What `azora-desktop` was started with, from its own command line or from a second start that was
//! handed over to this one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The Azora window: runs the services you work with, keeps them alive, shows what is going on.

Usage: azora-desktop [--trust] [FOLDER]

  FOLDER       bring up the cluster in this folder; without --trust a folder that was
               never run here is shown first, with the commands it would run
  --trust      what this folder runs has been read and may run
  --hidden     start without a window, in the tray
  --version    print the version
  --help       print this

AZORA_HOME names the folder that holds all state.";

/// What this start is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The folder to open, absolute.
    pub(crate) folder: Option<PathBuf>,
    /// Its commands were read and may run.
    pub(crate) trust: bool,
    /// No window at first.
    pub(crate) hidden: bool,
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The window.
    Window(Options),
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// A command line that is not ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionsError {
    /// An option that does not exist.
    #[error("unknown option '{0}'; azora-desktop --help lists all")]
    Unknown(String),
    /// More than one folder.
    #[error("one folder at a time; both '{0}' and '{1}' were given")]
    TwoFolders(String, String),
}

impl Options {
    /// Reads arguments as they follow the program's name; `cwd` is where they were typed.
    pub(crate) fn parse<A: Into<OsString>>(
        args: impl IntoIterator<Item = A>,
        cwd: &Path,
    ) -> Result<Asked, OptionsError> {
        let mut options = Options::default();
        for arg in args {
            let arg: OsString = arg.into();
            let text = arg.to_string_lossy();
            match text.as_ref() {
                "--trust" => options.trust = true,
                "--hidden" => options.hidden = true,
                "--help" | "-h" => return Ok(Asked::Help),
                "--version" | "-V" => return Ok(Asked::Version),
                // An empty one comes from an unset shell variable and means no folder.
                "" => {}
                option if option.starts_with('-') => {
                    return Err(OptionsError::Unknown(option.to_owned()));
                }
                second => {
                    if let Some(first) = &options.folder {
                        let first = first.display().to_string();
                        return Err(OptionsError::TwoFolders(first, second.to_owned()));
                    }
                    options.folder = Some(cwd.join(&arg));
                }
            }
        }
        Ok(Asked::Window(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Asked, OptionsError> {
        Options::parse(args, Path::new("/work"))
    }

    #[test]
    fn a_folder_is_taken_from_where_it_was_typed() {
        let relative = parse(&["--trust", "shop"]).unwrap();
        let expected = Options {
            folder: Some("/work/shop".into()),
            trust: true,
            hidden: false,
        };
        assert_eq!(relative, Asked::Window(expected));
        let Asked::Window(absolute) = parse(&["/srv/shop"]).unwrap() else {
            panic!("a window")
        };
        assert_eq!(absolute.folder, Some("/srv/shop".into()));
    }

    #[test]
    fn nothing_given_opens_the_window_alone() {
        assert_eq!(parse(&[]), Ok(Asked::Window(Options::default())));
        assert_eq!(parse(&[""]), Ok(Asked::Window(Options::default())));
    }

    #[test]
    fn what_is_not_understood_is_refused_in_words() {
        assert_eq!(
            parse(&["--foo"]),
            Err(OptionsError::Unknown("--foo".into()))
        );
        let two = parse(&["a", "b"]).unwrap_err().to_string();
        assert_eq!(
            two,
            "one folder at a time; both '/work/a' and 'b' were given"
        );
        assert_eq!(parse(&["--help", "--foo"]), Ok(Asked::Help));
    }
}
