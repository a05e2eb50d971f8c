//! Secrets on their way to a service: never printed, never on a disk.
//!
//! A shim gets them through a file in memory ([`shim::secrets`]). What is written down is a keyed
//! hash: with the key of this home, which lies in it for its owner only, equal secrets can be told
//! from different ones, and without it nothing can be tried out.

use crate::layout::Layout;
use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use sha2::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::{Mutex, PoisonError};

/// Bytes of the key.
const KEY: usize = 32;
/// Digits of a fingerprint that are kept: 128 bits tell any two secrets apart.
const SHOWN: usize = 32;

/// A value that is not to be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// From now on it is a secret.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The value, to hand it over.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// The key of a home.
#[derive(Clone)]
pub(crate) struct Key([u8; KEY]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(key)")
    }
}

impl Key {
    /// The home's, made when it has none.
    pub(crate) fn of(layout: &Layout) -> io::Result<Key> {
        /// A home has one engine, in which several clusters may come up at once: the second waits for the
        /// whole key of the first, and makes no other.
        static ONE_MAKES_IT: Mutex<()> = Mutex::new(());
        let _one = ONE_MAKES_IT.lock().unwrap_or_else(PoisonError::into_inner);
        let path = layout.secret_key();
        let mut key = [0; KEY];
        match File::open(&path) {
            Ok(file) if file.read_exact_at(&mut key, 0).is_ok() => return Ok(Key(key)),
            // Cut off by a full disk: nothing can have been compared with it.
            Ok(_) => std::fs::remove_file(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(Key(key))
    }

    /// Equal for equal secrets, and of no use to anyone without the key.
    pub(crate) fn fingerprint(&self, secret: &SecretText) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key will do");
        mac.update(secret.0.as_bytes());
        let mut digits = String::with_capacity(SHOWN);
        for byte in mac.finalize().into_bytes().iter().take(SHOWN / 2) {
            digits.push_str(&format!("{byte:02x}"));
        }
        digits
    }
}

/// A file in memory that holds these, and cannot be changed any more.
pub(crate) fn file<'a>(
    secrets: impl IntoIterator<Item = (&'a String, &'a SecretText)>,
) -> io::Result<File> {
    let pairs = secrets
        .into_iter()
        .map(|(name, value)| (name.as_str(), value.reveal()));
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create(c"azora-secrets", flags)?);
    file.write_all(&shim::secrets::encode(pairs))?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_equal_from_different_and_nothing_else() {
        let home = testkit::Home::new();
        let layout = Layout::new(home.path());
        layout.create().unwrap();
        let key = Key::of(&layout).unwrap();
        let print = |text: &str| key.fingerprint(&SecretText::new(text.into()));
        assert_eq!(print("hunter2"), print("hunter2"));
        assert_ne!(print("hunter2"), print("hunter3"));
        assert!(!print("hunter2").contains("hunter"));
        let again = Key::of(&layout).unwrap();
        assert_eq!(again.0, key.0, "the key of a home stays");
        let other = testkit::Home::new();
        let layout = Layout::new(other.path());
        layout.create().unwrap();
        let foreign = Key::of(&layout).unwrap();
        assert_ne!(
            foreign.fingerprint(&SecretText::new("hunter2".into())),
            print("hunter2"),
            "without the key nothing can be tried out"
        );
        assert_eq!(
            format!("{:?}", SecretText::new("hunter2".into())),
            "(secret)"
        );
    }

    #[test]
    fn many_who_want_the_key_of_a_new_home_at_once_get_the_same() {
        const WHO: usize = 8;
        for _ in 0..20 {
            let home = testkit::Home::new();
            let layout = Layout::new(home.path());
            layout.create().unwrap();
            let together = std::sync::Barrier::new(WHO);
            let keys: Vec<[u8; KEY]> = std::thread::scope(|scope| {
                let each = || {
                    together.wait();
                    Key::of(&layout).unwrap().0
                };
                let all: Vec<_> = (0..WHO).map(|_| scope.spawn(each)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0]));
        }
    }
}
