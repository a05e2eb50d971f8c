//! What could not be looked at for want of descriptors or memory, and what is done then: it is said,
//! or waited for. Never is it taken for gone.
//!
//! Everybody who reads `/proc`, a control group or a record, or opens a pidfd, meets four errors
//! that say nothing about what was asked ([`short`]). Whatever else the kernel answers (there is no
//! such process, it is another user's) is an answer.
//!
//! A process that holds a driver keeps a few descriptors in reserve, so that it can look, and end
//! what it finds, when all others are in use.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two tries. Whoever holds the descriptors will hardly be done sooner.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
/// The pause doubles as many times: it is 0.8 s at most.
const DOUBLED: u32 = 4;
/// A reading of `/proc` has two open at once, a kill two, and a look into a control group one for
/// each level.
const KEPT: usize = 6;

/// What this process has set aside.
struct Reserve {
    /// It keeps one at all.
    wanted: bool,
    kept: Vec<File>,
    /// How many use it now: it is filled again when all are done.
    lent: u32,
}

static RESERVE: Mutex<Reserve> = Mutex::new(Reserve {
    wanted: false,
    kept: Vec::new(),
    lent: 0,
});

/// True when an error says that this process, or the machine, has too little of something that
/// others give back.
pub(crate) fn short(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN)
    )
}

/// What is there to be seen: `None` for what is not there, or not for us to see.
///
/// # Errors
/// When it could not be looked at.
pub(crate) fn seen<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if short(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Looks, and when there are no descriptors, once more with those in reserve.
///
/// # Errors
/// Those of the last look.
pub(crate) fn reserved<T>(mut look: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match look() {
        Err(error) if short(&error) => {
            let _lent = lend();
            look()
        }
        seen => {
            // Given back in a time of shortage, it could not be filled then.
            lock().fill();
            seen
        }
    }
}

/// Sets the reserve aside, as far as there is one.
pub(crate) fn keep() {
    let mut reserve = lock();
    reserve.wanted = true;
    reserve.fill();
}

impl Reserve {
    fn fill(&mut self) {
        while self.wanted && self.lent == 0 && self.kept.len() < KEPT {
            match File::open("/dev/null") {
                Ok(file) => self.kept.push(file),
                // Later: when it was lent next.
                Err(_) => return,
            }
        }
    }
}

/// The reserve in use, until it is dropped.
pub(crate) struct Lent(());

/// Gives the reserve up for a while.
pub(crate) fn lend() -> Lent {
    let mut reserve = lock();
    reserve.lent += 1;
    reserve.kept.clear();
    Lent(())
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut reserve = lock();
        reserve.lent -= 1;
        reserve.fill();
    }
}

fn lock() -> MutexGuard<'static, Reserve> {
    RESERVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waiting until something can be looked at.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    tries: u32,
}

impl Patience {
    /// After a look that failed; the first is told.
    pub(crate) async fn after(&mut self, what: &'static str, error: &io::Error) {
        if self.tries == 0 {
            tracing::warn!(what, %error, "cannot be looked at; trying again");
        }
        tokio::time::sleep(PAUSE * (1 << self.tries.min(DOUBLED))).await;
        self.tries = self.tries.saturating_add(1);
    }
}

/// Waits on this thread until something can be looked at, for at most this long.
///
/// # Errors
/// Those of the last look.
pub(crate) fn patiently<T>(
    limit: Duration,
    mut look: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let begun = std::time::Instant::now();
    loop {
        match look() {
            Err(error) if short(&error) && begun.elapsed() < limit => {
                std::thread::park_timeout(PAUSE);
            }
            seen => return seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_descriptors_is_no_answer() {
        let error = |number| Err::<(), _>(io::Error::from_raw_os_error(number));
        for gone in [libc::ENOENT, libc::ESRCH, libc::EACCES, libc::ENODEV] {
            assert!(matches!(seen(error(gone)), Ok(None)));
        }
        for short in [libc::EMFILE, libc::ENFILE, libc::ENOMEM] {
            assert!(seen(error(short)).is_err());
        }
        assert!(matches!(seen(Ok(())), Ok(Some(()))));
    }

    #[test]
    fn what_was_scarce_for_a_moment_is_looked_at_again() {
        let mut looks = 0;
        let seen = patiently(Duration::from_secs(60), || {
            looks += 1;
            match looks {
                3 => Ok(looks),
                _ => Err(io::Error::from_raw_os_error(libc::EMFILE)),
            }
        });
        assert_eq!(seen.unwrap(), 3);
        let error = || Err::<(), _>(io::Error::from_raw_os_error(libc::EMFILE));
        assert!(patiently(Duration::ZERO, error).is_err());
    }
}
