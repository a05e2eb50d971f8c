//! That a process was asked to stop, kept for the next engine.
//!
//! A program that is asked a second time often takes that for "at once", and leaves those it serves without
//! an answer. An engine that goes on with the stop of one before it therefore sends no second signal, and
//! leaves it the rest of its grace.

use crate::intent::read_limited;
use model::Anchor;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Lies in the run folder: whom it is about, and when it was, in milliseconds since boot.
const ASKED: &str = "asked";

/// Longer is not of our form.
const MAX: u64 = 256;

/// Keeps that it was sent its signal just now.
pub(crate) fn keep(folder: &Path, anchor: &Anchor) {
    let text = format!("{} {}\n", who(anchor), now().as_millis());
    let file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(folder.join(ASKED));
    // On a full disk it is asked a second time by the next engine, which is better than not at all.
    let _ = file.and_then(|mut file| file.write_all(text.as_bytes()));
}

/// How long ago it was sent its signal; `None` when it was not, or nobody knows.
pub(crate) fn since(folder: &Path, anchor: &Anchor) -> Option<Duration> {
    let text = read_limited(&folder.join(ASKED), MAX).ok()??;
    let (whom, at) = text.trim_end().rsplit_once(' ')?;
    let at = Duration::from_millis(at.parse().ok()?);
    (whom == who(anchor)).then(|| now().checked_sub(at))?
}

fn who(anchor: &Anchor) -> String {
    let Anchor {
        boot_id,
        pid,
        start_ticks,
    } = anchor;
    format!("{boot_id} {pid} {start_ticks}")
}

/// Since boot: no clock that somebody sets.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(pid: u32) -> Anchor {
        Anchor {
            boot_id: "b".to_owned(),
            pid,
            start_ticks: 7,
        }
    }

    #[test]
    fn it_is_known_of_whom_it_is_about_and_of_nobody_else() {
        let home = testkit::Home::new();
        assert_eq!(since(home.path(), &anchor(4)), None);
        keep(home.path(), &anchor(4));
        let since_then = since(home.path(), &anchor(4)).expect("it was asked");
        assert!(since_then < Duration::from_secs(60), "{since_then:?}");
        assert_eq!(since(home.path(), &anchor(44)), None);
        keep(home.path(), &anchor(44));
        assert_eq!(since(home.path(), &anchor(4)), None);
    }

    #[test]
    fn what_is_not_of_its_form_is_nobodys_word() {
        let home = testkit::Home::new();
        for text in [
            "",
            " ",
            "b 4 7",
            "b 4 7 x\n",
            "b 4 7 99999999999999999999\n",
            " 1\n",
            "b 4 7 18446744073709551615",
        ] {
            fs::write(home.path().join(ASKED), text).expect("written");
            assert_eq!(since(home.path(), &anchor(4)), None, "{text:?}");
        }
    }
}
