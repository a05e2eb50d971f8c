//! How a command ends when it does not end well: a message for a person, an exit code for a script.

use api::client;
use model::view::Code;
use std::io;
use std::process::ExitCode;

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Fail {
    code: u8,
    /// Shown on stderr; empty when everything was said already.
    pub(crate) message: String,
}

/// Every result of this program.
pub(crate) type Done<T = ()> = Result<T, Fail>;

impl Fail {
    /// Something failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }
    /// The command line does not make sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }
    /// No engine, no such cluster, no such service.
    pub(crate) fn absent(message: impl Into<String>) -> Self {
        Self {
            code: 3,
            message: message.into(),
        }
    }
    /// The definition has errors.
    pub(crate) fn definition(message: impl Into<String>) -> Self {
        Self {
            code: 4,
            message: message.into(),
        }
    }
    /// Ctrl-C.
    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self {
            code: 130,
            message: message.into(),
        }
    }
    /// The terminal was closed: 128 and the number of SIGHUP, as a shell says it.
    pub(crate) fn hung_up() -> Self {
        Self {
            code: 129,
            message: String::new(),
        }
    }
    /// A command that was run for somebody ended with this code, and said itself what there was to say.
    pub(crate) fn of_command(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
        }
    }
    /// Something failed, and a table already said what.
    pub(crate) fn said() -> Self {
        Self::failed("")
    }
    /// An error with all that caused it.
    pub(crate) fn because(error: &dyn std::error::Error) -> Self {
        Self::failed(story(error))
    }

    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

/// An error and its causes on one line.
pub(crate) fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl From<client::Error> for Fail {
    fn from(error: client::Error) -> Self {
        let message = story(&error);
        match &error {
            error if error.nobody() => Fail::absent(message),
            client::Error::Failed(failure) => match failure.code {
                Code::NotFound => Fail::absent(message),
                Code::Definition => Fail::definition(message),
                // It came from what was typed: a pattern that is none, for instance.
                Code::BadRequest => Fail::usage(message),
                _ => Fail::failed(message),
            },
            _ => Fail::failed(message),
        }
    }
}

impl From<io::Error> for Fail {
    /// Writing the output failed. A reader that went away (`azora ps | head -1`) is no failure.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self {
                code: 0,
                message: String::new(),
            },
            _ => Self::failed(format!("failed to write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::Failure;

    fn code_of(code: Code) -> u8 {
        Fail::from(client::Error::Failed(Failure {
            code,
            message: "m".to_owned(),
        }))
        .code
    }

    #[test]
    fn exit_codes_say_what_kind_of_failure_it_was() {
        assert_eq!(Fail::from(client::Error::NoEngine("/h".into())).code, 3);
        assert_eq!(Fail::from(client::Error::NotListening { pid: 1 }).code, 3);
        assert_eq!(
            (
                code_of(Code::NotFound),
                code_of(Code::Definition),
                code_of(Code::Conflict),
                code_of(Code::BadRequest)
            ),
            (3, 4, 1, 2)
        );
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let left = Fail::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((left.code, left.message.as_str()), (0, ""));
        assert_eq!(
            Fail::from(io::Error::from(io::ErrorKind::StorageFull)).code,
            1
        );
    }

    #[test]
    fn a_story_goes_to_the_root_of_it() {
        let error = client::Error::Home {
            path: "/h/token".into(),
            source: io::Error::from(io::ErrorKind::PermissionDenied),
        };
        assert_eq!(story(&error), "failed to read /h/token: permission denied");
    }
}
