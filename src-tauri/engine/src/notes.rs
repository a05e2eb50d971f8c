//! Small files beside a cluster's record, for the next engine: replaced whole, not synced, and never
//! waited for. What cannot be read is as if it had never been written.

use crate::replace::replace;
use driver::clock;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// Longest that is read: ten thousand instances with all that can be remembered of each.
const MAX: u64 = 64 * 1024 * 1024;

/// Something that means less after a reboot.
#[derive(Serialize, Deserialize)]
struct OfBoot<T> {
    boot: String,
    #[serde(alias = "instances", alias = "edges")]
    what: T,
}

/// What was saved last. `lost` says what it means that it cannot be read.
pub(crate) fn load<T: DeserializeOwned>(path: &Path, lost: &str) -> Option<T> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX).read_to_end(&mut bytes));
    read.ok()?;
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(%error, path = %path.display(), "{lost}"))
        .ok()
}

/// Puts it in the place of what was saved before.
pub(crate) fn save(path: &Path, what: &impl Serialize) -> std::io::Result<()> {
    replace(path, serde_json::to_vec(what)?, false)
}

/// The same of what [`save_of_boot`] saved. `aged` takes from it what another boot has made void.
pub(crate) fn load_of_boot<T: DeserializeOwned>(
    path: &Path,
    lost: &str,
    aged: impl FnOnce(T) -> T,
) -> Option<T> {
    let OfBoot { boot, what } = load(path, lost)?;
    match clock::boot_id().is_ok_and(|now| now == boot) {
        true => Some(what),
        false => Some(aged(what)),
    }
}

/// Saves it with the boot it is of.
pub(crate) fn save_of_boot(path: &Path, what: impl Serialize) -> std::io::Result<()> {
    let boot = clock::boot_id()?.to_owned();
    save(path, &OfBoot { boot, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_there_once_whole_and_aged_after_a_reboot() {
        let home = testkit::Home::new();
        let path = home.path().join("some.json");
        let load = || load_of_boot::<Vec<u8>>(&path, "lost", |_| vec![0]);
        assert_eq!(load(), None);
        save_of_boot(&path, vec![1, 2]).unwrap();
        assert_eq!(load(), Some(vec![1, 2]));
        let text = std::fs::read_to_string(&path).unwrap();
        let other = text.replace(clock::boot_id().unwrap(), "another");
        std::fs::write(&path, other).unwrap();
        assert_eq!(load(), Some(vec![0]));
        // As earlier versions called it.
        std::fs::write(&path, text.replace("what", "edges")).unwrap();
        assert_eq!(load(), Some(vec![1, 2]));
        std::fs::write(&path, "{\"boot\":").unwrap();
        assert_eq!(load(), None);
    }
}
