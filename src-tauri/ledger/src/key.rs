//! The key that a home signs its ledger with, and the public half of it.

use crate::Error;
use rand_core::OsRng;
use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, Verifier as _};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Its file in the home: the key and then its public half, each a line in the form of signed notes; below them, if a
/// person has put them there, the public halves of keys that the home had before.
const FILE: &str = "ledger.key";
/// No file of keys is longer.
const LONGEST: u64 = 10_000;

/// The key of a home.
pub struct Key {
    signer: StandardSigner,
    /// Its own public half, and those of keys before it.
    vouched: Vec<Public>,
}

/// What signatures are verified with.
#[derive(Clone)]
pub struct Public {
    text: String,
    verifier: StandardVerifier,
}

impl Key {
    /// The home's, made when it has none.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::NoKey`].
    pub fn of(home: &Path) -> Result<Self, Error> {
        let path = home.join(FILE);
        let failed = |source| Error::Key {
            path: path.clone(),
            source,
        };
        match Self::read(home)? {
            Some(key) => Ok(key),
            None => {
                make(&path).map_err(failed)?;
                Self::read(home)?.ok_or_else(|| failed(ErrorKind::NotFound.into()))
            }
        }
    }

    /// The home's, if it has one.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::NoKey`].
    pub fn read(home: &Path) -> Result<Option<Self>, Error> {
        let path = home.join(FILE);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Key { path, source }),
        };
        Self::parse(&text)
            .map(Some)
            .map_err(|why| Error::NoKey { path, why })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let (Some(key), Some(public)) = (lines.next(), lines.next()) else {
            return Err("it has not two lines".into());
        };
        let signer = StandardSigner::new(key).map_err(|error| error.to_string())?;
        let public = Public::new(public).map_err(|error| error.to_string())?;
        // The one is not the other's half as long as nobody has tried.
        let signed = signer.sign(b"azora").map_err(|error| error.to_string())?;
        if public.name() != signer.name() || !public.verifier.verify(b"azora", &signed) {
            return Err("its second line is the public half of another key".into());
        }
        let mut vouched = vec![public];
        for line in lines {
            vouched.push(Public::new(line).map_err(|error| error.to_string())?);
        }
        Ok(Self { signer, vouched })
    }

    /// Its public half.
    pub fn public(&self) -> &Public {
        // There is always one: it was put there first.
        &self.vouched[0]
    }

    /// Its public half, and those of the home's earlier keys that its file names.
    pub fn vouched(&self) -> &[Public] {
        &self.vouched
    }

    /// The text with this key's signature below it.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<String, Error> {
        let note = |error: signed_note::NoteError| Error::Note {
            why: error.to_string(),
        };
        let mut signed = Note::new(text, &[]).map_err(note)?;
        signed.add_sigs(&[&self.signer]).map_err(note)?;
        String::from_utf8(signed.to_bytes()).map_err(|error| Error::Note {
            why: error.to_string(),
        })
    }
}

impl Public {
    /// Reads one in the form of signed notes: `NAME+HASH+KEY`.
    ///
    /// # Errors
    /// [`Error::NoPublic`].
    pub fn new(text: &str) -> Result<Self, Error> {
        let verifier = StandardVerifier::new(text).map_err(|error| Error::NoPublic {
            text: text.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self {
            text: text.to_owned(),
            verifier,
        })
    }

    /// Whose it is: the first line of what is signed with it.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn verifier(&self) -> StandardVerifier {
        self.verifier.clone()
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    io::Read::read_to_string(&mut io::Read::take(file, LONGEST), &mut text)?;
    Ok(text)
}

/// Whole or not at all, and never in place of one that is there: what a full disk cut off would be a home that cannot
/// sign, and another key one that nobody trusts.
fn make(path: &Path) -> io::Result<()> {
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let mut name = String::from("azora/");
    for byte in id {
        let _ = write!(name, "{byte:02x}");
    }
    let (key, public) = signed_note::generate_key(&mut OsRng, &name);
    let new = path.with_extension("key.new");
    let _ = std::fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let made = file
        .write_all(format!("{key}\n{public}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&new, path));
    let _ = std::fs::remove_file(&new);
    match made {
        // Somebody else made one in the meantime.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_home_has_one_key_which_only_its_owner_may_read() {
        let home = tempfile::tempdir().unwrap();
        assert!(Key::read(home.path()).unwrap().is_none());
        let first = Key::of(home.path()).unwrap();
        let file = home.path().join(FILE);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Key::of(home.path()).unwrap();
        assert_eq!(first.public().text(), again.public().text());
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);

        // Another key's public half is none of it, and no key is made over what lies there.
        let other = tempfile::tempdir().unwrap();
        Key::of(other.path()).unwrap();
        let theirs = std::fs::read_to_string(other.path().join(FILE)).unwrap();
        let ours = std::fs::read_to_string(&file).unwrap();
        let (key, public) = (ours.lines().next().unwrap(), theirs.lines().nth(1).unwrap());
        // Below it may stand the public halves of keys before, and nothing else.
        std::fs::write(&file, format!("{ours}\n{public}\n")).unwrap();
        let both = Key::of(home.path()).unwrap();
        let names: Vec<&str> = both.vouched().iter().map(Public::text).collect();
        assert_eq!(names, [first.public().text(), public]);
        let below = format!("{ours}{public}x+\n");
        for bad in [
            format!("{key}\n{public}\n"),
            below,
            key.to_owned(),
            String::new(),
        ] {
            std::fs::write(&file, &bad).unwrap();
            assert!(matches!(Key::of(home.path()), Err(Error::NoKey { .. })));
            assert_eq!(std::fs::read_to_string(&file).unwrap(), bad);
        }
    }
}
