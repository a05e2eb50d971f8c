//! Why a start did not come to a process, and what that means for the next try.

use std::io;

/// A start that did not come to a process.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Reads as a sentence.
    pub(crate) error: String,
    /// What trying again may bring.
    pub(crate) next: Next,
}

/// Why something that precedes or follows a start did not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRun {
    /// The machine has no room for it just now: that is no fault of its own.
    #[error("{0}")]
    Short(String),
    /// Any other reason.
    #[error("{0}")]
    Failed(String),
}

impl NotRun {
    /// What the system refused while something was done; `what` reads after "failed to".
    pub fn of(what: &str, error: &io::Error) -> NotRun {
        match shortage(error.raw_os_error()) {
            Some(shortage) => NotRun::Short(format!("{shortage} (failed to {what})")),
            None => NotRun::Failed(format!("failed to {what}: {error}")),
        }
    }

    /// The same with other words.
    pub fn map(self, words: impl FnOnce(String) -> String) -> NotRun {
        match self {
            NotRun::Short(text) => NotRun::Short(words(text)),
            NotRun::Failed(text) => NotRun::Failed(words(text)),
        }
    }
}

/// What trying again may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same.
    Nothing,
    /// Perhaps a process.
    Again,
    /// A process, as soon as the machine has room for it.
    Room,
}

impl Refusal {
    /// Something failed that may not fail the next time.
    pub(crate) fn passing(what: &str, error: impl std::fmt::Display) -> Refusal {
        Refusal::again(format!("failed to {what}: {error}"))
    }

    /// The same of what the system refused: for want of room, or for another reason.
    pub(crate) fn of(what: &str, error: &io::Error) -> Refusal {
        match shortage(error.raw_os_error()) {
            Some(shortage) => Refusal::short(shortage, what),
            None => Refusal::passing(what, error),
        }
    }

    /// The machine has no room.
    pub(crate) fn short(shortage: &str, what: &str) -> Refusal {
        Refusal {
            error: format!("{shortage} (failed to {what})"),
            next: Next::Room,
        }
    }

    pub(crate) fn again(error: String) -> Refusal {
        let next = Next::Again;
        Refusal { error, next }
    }

    pub(crate) fn held() -> Refusal {
        Refusal::lasting("an emergency stop is in force".to_owned())
    }

    pub(crate) fn lasting(error: String) -> Refusal {
        let next = Next::Nothing;
        Refusal { error, next }
    }
}

/// What a machine is short of that answers with this error number.
pub(crate) fn shortage(errno: Option<i32>) -> Option<&'static str> {
    Some(match errno? {
        libc::ENOSPC | libc::EDQUOT => "no space left on the disk",
        libc::EMFILE => "the engine has no file descriptors left",
        libc::ENFILE => "the machine has no file descriptors left",
        // Of a fork; nothing else here is asked to try again.
        libc::EAGAIN => "no more processes can be made",
        libc::ENOMEM => "no memory left",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_from_a_fault() {
        let of = |errno| Refusal::of("write the intent", &io::Error::from_raw_os_error(errno));
        let full = of(libc::ENOSPC);
        assert_eq!(full.next, Next::Room);
        assert_eq!(
            full.error,
            "no space left on the disk (failed to write the intent)"
        );
        assert_eq!(of(libc::EACCES).next, Next::Again);
    }
}
