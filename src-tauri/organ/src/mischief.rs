//! Misbehaving on request: what an organ can be told to do wrong.

use crate::signals;
use std::time::Duration;

/// One way to misbehave.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Mode {
    /// Ends at once: with a code, or by SIGABRT.
    Crash(Option<i32>),
    /// Answers nobody and calls nobody, for good or for a while.
    Hang(Option<Duration>),
    /// Holds every answer back.
    Slow(Duration),
    /// Answers `/health` with this status.
    Error(u16),
    /// Takes so much more memory every second.
    Leak(usize),
    /// Says so many lines every second.
    Flood(u32),
    /// Leaves a grandchild in a session of its own.
    Fork,
    /// Does not stop when asked to.
    IgnoreTerm,
    /// Behaves again.
    Ok,
}

impl Mode {
    /// Reads `mode=slow&ms=500`; the error is a sentence.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let value = |key: &str| {
            query
                .split('&')
                .find_map(|pair| pair.split_once('=').filter(|(k, _)| *k == key))
                .map(|(_, v)| v)
        };
        let number = |key: &str, most: u64| match value(key) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) if number <= most => Ok(Some(number)),
                _ => Err(format!("{key} is a number up to {most}")),
            },
        };
        let ms = || Ok::<_, String>(number("ms", 600_000)?.map(Duration::from_millis));
        Ok(match value("mode").unwrap_or_default() {
            "crash" => Mode::Crash(number("code", 255)?.map(|code| code as i32)),
            "hang" => Mode::Hang(ms()?),
            "slow" => Mode::Slow(ms()?.unwrap_or(Duration::from_secs(2))),
            "error" => match number("code", 599)?.unwrap_or(503) {
                code @ 100.. => Mode::Error(code as u16),
                _ => return Err("code is a number from 100 to 599".to_owned()),
            },
            "leak" => Mode::Leak(number("kb", 1 << 20)?.unwrap_or(1024) as usize),
            "flood" => Mode::Flood(number("lines", 1_000_000)?.unwrap_or(1000) as u32),
            "fork" => Mode::Fork,
            "ignore-term" => Mode::IgnoreTerm,
            "ok" => Mode::Ok,
            other => {
                return Err(format!(
                    "mode {other:?} is none of crash, hang, slow, error, leak, flood, fork, ignore-term, ok"
                ));
            }
        })
    }
}

/// What the organ does wrong at present.
#[derive(Default)]
pub(crate) struct Mischief {
    /// Every answer is held back so long.
    pub(crate) slow: Option<Duration>,
    /// `/health` is answered with this.
    pub(crate) error: Option<u16>,
    /// Kilobytes more each second.
    pub(crate) leak: usize,
    /// Lines each second.
    pub(crate) flood: u32,
    leaked: Vec<Box<[u8]>>,
}

impl Mischief {
    /// True when something is to be done every second.
    pub(crate) fn every_second(&self) -> bool {
        self.leak > 0 || self.flood > 0
    }

    /// Takes more memory, and touches it so that it counts.
    pub(crate) fn leak_more(&mut self) {
        if self.leak > 0 {
            self.leaked
                .push(vec![1; self.leak * 1024].into_boxed_slice());
        }
    }
}

/// Ends the process as a bug would.
pub(crate) fn crash(code: Option<i32>) -> ! {
    match code {
        Some(code) => std::process::exit(code),
        None => std::process::abort(),
    }
}

/// Does nothing at all, like a loop that is stuck. SIGTERM ends it, unless that is ignored too.
#[expect(
    clippy::disallowed_methods,
    reason = "being stuck is what was asked for"
)]
pub(crate) fn hang(time: Option<Duration>) {
    signals::term_kills();
    match time {
        Some(time) => {
            std::thread::sleep(time);
            signals::heed_term();
        }
        None => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
    }
}

/// Leaves a grandchild in a session of its own that does nothing until it is killed. Its parent is
/// gone at once, so only whoever counts orphans knows whose it is. Returns in the organ only.
#[expect(unsafe_code, reason = "forking is what was asked for")]
pub(crate) fn leave_grandchild() {
    // SAFETY: this process has one thread, so the child may do all the parent could.
    let child = unsafe { libc::fork() };
    if child > 0 {
        // SAFETY: waits for the child made above, which ends at once.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
    if child != 0 {
        return;
    }
    // SAFETY: no memory is involved. The grandchild lets go of the port, or the next organ could not have it.
    unsafe {
        libc::setsid();
        if libc::fork() != 0 {
            libc::_exit(0);
        }
        for fd in 3..64 {
            libc::close(fd);
        }
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        if libc::signal(libc::SIGTERM, libc::SIG_DFL) == libc::SIG_IGN {
            libc::signal(libc::SIGTERM, libc::SIG_IGN);
        }
        loop {
            libc::pause();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_reads_with_and_without_its_number() {
        let read = |query: &str| Mode::parse(query).unwrap();
        assert_eq!(read("mode=crash"), Mode::Crash(None));
        assert_eq!(read("code=3&mode=crash"), Mode::Crash(Some(3)));
        assert_eq!(
            read("mode=hang&ms=100"),
            Mode::Hang(Some(Duration::from_millis(100)))
        );
        assert_eq!(read("mode=slow"), Mode::Slow(Duration::from_secs(2)));
        assert_eq!(read("mode=error"), Mode::Error(503));
        assert_eq!(read("mode=leak&kb=10"), Mode::Leak(10));
        assert_eq!(read("mode=flood&lines=5"), Mode::Flood(5));
        for (word, mode) in [
            ("fork", Mode::Fork),
            ("ignore-term", Mode::IgnoreTerm),
            ("ok", Mode::Ok),
        ] {
            assert_eq!(read(&format!("mode={word}")), mode);
        }
    }

    #[test]
    fn what_is_no_mode_or_too_much_is_refused() {
        assert!(Mode::parse("mode=explode").unwrap_err().contains("explode"));
        assert!(Mode::parse("").is_err());
        assert_eq!(
            Mode::parse("mode=slow&ms=1e9").unwrap_err(),
            "ms is a number up to 600000"
        );
        assert!(Mode::parse("mode=error&code=7").is_err());
    }
}
