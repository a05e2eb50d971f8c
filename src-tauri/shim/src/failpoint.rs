//! Points at which a test makes a process stand still, so that it, or another, can be killed
//! exactly there.
//!
//! A program that is trusted with processes must not have a switch that stops it: the points are
//! there with debug assertions only, and a release build has neither them nor their names. A
//! feature would do the same and could be switched on by mistake in a release; `cfg` cannot.
//!
//! What is asked for comes in [`VARIABLE`]: `stop NAME NTH MARK` writes the pid to the file `MARK`
//! and stops the process (SIGSTOP) when it reaches `NAME` for the `NTH` time; `wait NAME NTH FILE`
//! keeps this thread there until `FILE` is gone, as if the machine were that slow; `panic NAME NTH FILE` has it
//! panic there with what the file says; `trace FILE` appends the name of every point that is reached.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What is asked for, in the environment.
pub const VARIABLE: &str = "AZORA_FAILPOINT";

/// A place in the code where a crash is tried. Costs nothing in a release build.
#[macro_export]
macro_rules! fail_point {
    ($name:literal) => {
        if cfg!(debug_assertions) {
            $crate::failpoint::reached($name);
        }
    };
}

/// Between two looks of one that waits.
const WAIT_LOOK: Duration = Duration::from_millis(5);

enum Order {
    Trace(PathBuf),
    Stop {
        name: String,
        left: AtomicU32,
        mark: PathBuf,
    },
    Wait {
        name: String,
        left: AtomicU32,
        file: PathBuf,
    },
    Panic {
        name: String,
        left: AtomicU32,
        file: PathBuf,
    },
}

impl Order {
    fn parse(text: &str) -> Option<Order> {
        let mut words = text.split(' ');
        let order = match (words.next()?, words.next()?, words.next(), words.next()) {
            ("trace", file, None, None) => Order::Trace(file.into()),
            ("stop", name, Some(nth), Some(mark)) => Order::Stop {
                name: name.to_owned(),
                left: AtomicU32::new(nth.parse().ok()?),
                mark: mark.into(),
            },
            ("wait", name, Some(nth), Some(file)) => Order::Wait {
                name: name.to_owned(),
                left: AtomicU32::new(nth.parse().ok()?),
                file: file.into(),
            },
            ("panic", name, Some(nth), Some(file)) => Order::Panic {
                name: name.to_owned(),
                left: AtomicU32::new(nth.parse().ok()?),
                file: file.into(),
            },
            _ => return None,
        };
        words.next().is_none().then_some(order)
    }
}

/// The point of this name is reached. Called by [`fail_point`] alone.
pub fn reached(name: &str) {
    static ORDER: OnceLock<Option<Order>> = OnceLock::new();
    let order = ORDER.get_or_init(|| Order::parse(&std::env::var(VARIABLE).ok()?));
    match order {
        Some(Order::Trace(file)) => {
            let log = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(file);
            // Who traces looks at what is there.
            let _ = log.and_then(|mut log| log.write_all(format!("{name}\n").as_bytes()));
        }
        Some(Order::Stop {
            name: wanted,
            left,
            mark,
        }) if name == wanted && left.fetch_sub(1, Ordering::SeqCst) == 1 => {
            let pid = std::process::id().to_string();
            // Without the mark nobody would come to let it go on.
            if std::fs::write(mark, pid).is_ok() {
                stand_still();
            }
        }
        Some(Order::Wait {
            name: wanted,
            left,
            file,
        }) if name == wanted && left.fetch_sub(1, Ordering::SeqCst) == 1 => {
            while file.exists() {
                std::thread::park_timeout(WAIT_LOOK);
            }
        }
        Some(Order::Panic {
            name: wanted,
            left,
            file,
        }) if name == wanted && left.fetch_sub(1, Ordering::SeqCst) == 1 => {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            std::panic::panic_any(text);
        }
        _ => {}
    }
}

/// Stops the whole process, this thread before it returns.
fn stand_still() {
    #[expect(
        unsafe_code,
        reason = "a signal to this very thread has no safe wrapper"
    )]
    // SAFETY: takes a number; SIGSTOP has no handler that could run.
    unsafe {
        libc::raise(libc::SIGSTOP)
    };
}

/// What a shim is to be given of it: its environment is empty otherwise.
pub fn inherited() -> Option<(&'static str, OsString)> {
    if cfg!(debug_assertions) {
        std::env::var_os(VARIABLE).map(|order| (VARIABLE, order))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_and_nonsense_is_none() {
        assert!(matches!(Order::parse("trace /t"), Some(Order::Trace(_))));
        let stop = Order::parse("stop fork.after 2 /m");
        assert!(matches!(stop, Some(Order::Stop { name, .. }) if name == "fork.after"));
        let wait = Order::parse("wait fork.after 2 /w");
        assert!(matches!(wait, Some(Order::Wait { name, .. }) if name == "fork.after"));
        for text in ["", "trace", "stop a 1", "stop a x /m", "stop a 1 /m more"] {
            assert!(Order::parse(text).is_none(), "{text}");
        }
    }
}
