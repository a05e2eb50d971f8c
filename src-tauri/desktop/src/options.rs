//! What `azora-desktop` was started with, from its own command line or from a second start that was
//! handed over to this one.

use crate::links::{self, LinkError};
use crate::window::Place;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tauri::Url;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The Azora window: runs the services you work with, keeps them alive, shows what is going on.

Usage: azora-desktop [--trust] [FOLDER | LINK]

  FOLDER       bring up the cluster in this folder, or in that of this azora.toml; without
               --trust a folder that was never run here is shown first, with the commands
               it would run
  LINK         open a place: azora://incidents, azora://incident/NUMBER, azora://cluster/ID
               or azora://cluster/ID/service/NAME
  --trust      what this folder runs has been read and may run
  --hidden     start without a window, in the tray
  --version    print the version
  --help       print this

AZORA_HOME names the folder that holds all state.";

/// What this start is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// What to open.
    pub(crate) open: Option<Opening>,
    /// Its commands were read and may run.
    pub(crate) trust: bool,
    /// No window at first.
    pub(crate) hidden: bool,
}

/// What can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A folder, or the definition in one; absolute.
    Folder(PathBuf),
    /// A place in the window.
    Place(Place),
    /// A link that is none. It was clicked somewhere, so the window says so and not a terminal.
    Refused(LinkError),
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
    /// More than one thing to open.
    #[error("one folder or link at a time; both '{0}' and '{1}' were given")]
    Two(String, String),
    /// The address of a file that is not on this machine, or is none.
    #[error("'{0}' names no file of this machine")]
    NoFile(String),
}

impl Options {
    /// Reads arguments as they follow the program's name; `cwd` is where they were typed.
    pub(crate) fn parse<A: Into<OsString>>(
        args: impl IntoIterator<Item = A>,
        cwd: &Path,
    ) -> Result<Asked, OptionsError> {
        let mut options = Options::default();
        let mut first: Option<String> = None;
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
                    if let Some(first) = first {
                        return Err(OptionsError::Two(first, second.to_owned()));
                    }
                    options.open = Some(opening(second, &arg, cwd)?);
                    first = Some(second.to_owned());
                }
            }
        }
        Ok(Asked::Window(options))
    }
}

fn opening(text: &str, arg: &OsString, cwd: &Path) -> Result<Opening, OptionsError> {
    if links::is_link(text) {
        return Ok(match links::parse(text) {
            Ok(place) => Opening::Place(place),
            Err(error) => Opening::Refused(error),
        });
    }
    // Desktops hand a file over by its address.
    if text.starts_with("file://") {
        let path = Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok());
        return match path {
            Some(path) => Ok(Opening::Folder(path)),
            None => Err(OptionsError::NoFile(text.to_owned())),
        };
    }
    Ok(Opening::Folder(cwd.join(arg)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::model::IncidentId;

    fn parse(args: &[&str]) -> Result<Asked, OptionsError> {
        Options::parse(args, Path::new("/work"))
    }

    #[test]
    fn a_folder_is_taken_from_where_it_was_typed() {
        let relative = parse(&["--trust", "shop"]).unwrap();
        let expected = Options {
            open: Some(Opening::Folder("/work/shop".into())),
            trust: true,
            hidden: false,
        };
        assert_eq!(relative, Asked::Window(expected));
        let Asked::Window(absolute) = parse(&["/srv/shop"]).unwrap() else {
            panic!("a window")
        };
        assert_eq!(absolute.open, Some(Opening::Folder("/srv/shop".into())));
    }

    fn opens(text: &str) -> Option<Opening> {
        match parse(&[text]).unwrap() {
            Asked::Window(options) => options.open,
            other => panic!("not a window: {other:?}"),
        }
    }

    #[test]
    fn what_a_desktop_hands_over_is_understood() {
        let file = Opening::Folder("/srv/my shop/azora.toml".into());
        assert_eq!(opens("file:///srv/my%20shop/azora.toml"), Some(file));
        let place = Place::Incident(None, IncidentId(42));
        assert_eq!(opens("azora://incident/42"), Some(Opening::Place(place)));
        let refused = Opening::Refused(LinkError::NoPlace);
        assert_eq!(opens("azora://stop/everything"), Some(refused));
        let elsewhere = parse(&["file://example.com/srv/shop"]);
        assert_eq!(
            elsewhere.unwrap_err().to_string(),
            "'file://example.com/srv/shop' names no file of this machine"
        );
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
            "one folder or link at a time; both 'a' and 'b' were given"
        );
        assert_eq!(parse(&["--help", "--foo"]), Ok(Asked::Help));
    }
}
