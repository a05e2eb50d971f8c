//! The mark of an emergency stop: a file of the home that is there while one is in force, and whose
//! time is that of the last one, in force or not.

use crate::clock;
use crate::layout::Layout;
use model::Timestamp;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// True while an emergency stop is in force: nothing is started.
pub fn in_force(layout: &Layout) -> bool {
    layout.emergency().exists()
}

/// Ends an emergency stop: a person wants something to run again.
///
/// # Errors
/// When the mark cannot be removed.
pub fn clear(layout: &Layout) -> io::Result<()> {
    match fs::rename(layout.emergency(), layout.emergency_off()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// When the home's last emergency stop began, whoever walked it; when there was none, about when the
/// home was made. What was asked for before is not wanted any more.
pub fn stopped_at(layout: &Layout) -> Option<Timestamp> {
    let found = [layout.emergency(), layout.emergency_off()];
    let found = found.iter().find_map(|mark| fs::metadata(mark).ok())?;
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let millis = i64::try_from(since.as_millis()).ok()?;
    // A disk that keeps whole seconds has cut the time, and the stop may have been at their end.
    let cut = since.subsec_nanos() == 0;
    Some(Timestamp(if cut { millis + 999 } else { millis }))
}

/// Sets it, with the time. Neither needs space on the disk. Should even this fail (a disk that is
/// read-only), only the stop's own loop stands against an engine that heals.
pub(super) fn set(layout: &Layout) {
    date(&layout.emergency_off());
    if fs::rename(layout.emergency_off(), layout.emergency()).is_err() {
        let mut options = fs::OpenOptions::new();
        let _ = options.create(true).append(true).open(layout.emergency());
        date(&layout.emergency());
    }
}

fn date(mark: &Path) {
    let Ok(millis) = u64::try_from(clock::wall_ms()) else {
        return;
    };
    // Never a whole second: a time that is one was cut by the disk.
    let now = UNIX_EPOCH + Duration::from_millis(millis) + Duration::from_micros(500);
    // One that is not there, or not ours, keeps no time.
    let _ = fs::File::open(mark).and_then(|mark| mark.set_modified(now));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_keeps_the_time_of_the_last_stop_in_force_or_not() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        assert_eq!(stopped_at(&layout), None);
        layout.create().unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000);
        let off = fs::File::open(layout.emergency_off()).unwrap();
        off.set_modified(long_ago).unwrap();
        assert_eq!(stopped_at(&layout), Some(Timestamp(1_000_999)));
        let before = clock::wall_ms();
        set(&layout);
        let stop = stopped_at(&layout).unwrap();
        assert!((before..=clock::wall_ms()).contains(&stop.0) && in_force(&layout));
        clear(&layout).unwrap();
        assert!(!in_force(&layout));
        assert_eq!(stopped_at(&layout), Some(stop));
    }
}
