//! The secret of one engine start: 256 random bits in a file only its owner can read. And an agent's, as its owner shows
//! it: who made that and knows it again is the engine.
//!
//! Neither is ever in an argument, a URL that reaches a server, a log or a record.

use model::agent::{TOKEN_DIGITS, TOKEN_PREFIX};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The file's name in the home folder.
pub const FILE: &str = "token";
/// Length of the token as text: 32 bytes in hex.
const LENGTH: usize = 64;

/// The token as text. Its `Debug` does not show it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one from the system's source of randomness.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0_u8; LENGTH / 2];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// Puts it in `home` in one step, in place of the one of the start before: a reader sees
    /// either, never a piece. On a full disk it is written over that one, which takes no room: there
    /// is no engine yet that a reader could ask with half of it.
    pub fn write(&self, home: &Path) -> io::Result<()> {
        match self.replace(home) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => self.write_over(home),
            other => other,
        }
    }

    fn write_over(&self, home: &Path) -> io::Result<()> {
        let path = home.join(FILE);
        if !std::fs::symlink_metadata(&path)?.is_file() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(LENGTH as u64)?;
        file.write_all_at(self.0.as_bytes(), 0)
    }

    fn replace(&self, home: &Path) -> io::Result<()> {
        let new = home.join(format!("{FILE}.{}", std::process::id()));
        // Left by a start that died between the two steps below.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let written = file.write_all(self.0.as_bytes());
        if let Err(error) = written {
            // A full disk has no use for an empty file.
            let _ = std::fs::remove_file(&new);
            return Err(error);
        }
        std::fs::rename(&new, home.join(FILE))
    }

    /// The one in `home`.
    pub fn read(home: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(home.join(FILE))?;
        let text = text.trim();
        if text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the token file does not hold a token",
            ))
        }
    }

    /// An agent's, from the file that it was given in.
    ///
    /// # Errors
    /// When the file cannot be read, or does not hold one.
    pub fn of_agent(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        // More than a token and a line's end is none.
        let most = (TOKEN_PREFIX.len() + TOKEN_DIGITS + 16) as u64;
        File::open(path)?.take(most).read_to_string(&mut text)?;
        let text = text.trim();
        match text.strip_prefix(TOKEN_PREFIX) {
            Some(digits)
                if digits.len() == TOKEN_DIGITS
                    && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it does not hold the token of an agent, as `azora agents add` prints it",
            )),
        }
    }

    /// Whether `claim` is it, in a time that does not depend on where they differ.
    pub fn is(&self, claim: &str) -> bool {
        let (ours, claim) = (self.0.as_bytes(), claim.as_bytes());
        let mut differ = u8::from(ours.len() != claim.len());
        for (index, byte) in ours.iter().enumerate() {
            differ |= byte ^ claim.get(index).copied().unwrap_or(0);
        }
        std::hint::black_box(differ) == 0
    }

    /// The text, for the header of a request and the fragment of the browser's address.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_the_whole_token_is_it() {
        let token = Token::generate().unwrap();
        let text = token.reveal().to_owned();
        assert!(token.is(&text));
        assert!(!token.is(""));
        assert!(!token.is(&text[..63]));
        assert!(!token.is(&format!("{text}0")));
        assert!(!token.is(&text.to_uppercase()) || !text.bytes().any(|b| b.is_ascii_alphabetic()));
        let mut other = text.into_bytes();
        other[63] = if other[63] == b'0' { b'1' } else { b'0' };
        assert!(!token.is(std::str::from_utf8(&other).unwrap()));
    }

    #[test]
    fn the_file_is_its_owners_alone_and_new_with_every_start() {
        let home = tempfile::tempdir().unwrap();
        let first = Token::generate().unwrap();
        first.write(home.path()).unwrap();
        let second = Token::generate().unwrap();
        second.write(home.path()).unwrap();
        let read = Token::read(home.path()).unwrap();
        assert!(second.is(read.reveal()) && !first.is(read.reveal()));
        let mode = std::fs::metadata(home.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(
            std::fs::read_dir(home.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn on_a_full_disk_it_is_written_over_the_one_before() {
        use std::os::unix::fs::MetadataExt;
        let home = tempfile::tempdir().unwrap();
        Token::generate().unwrap().write(home.path()).unwrap();
        let before = std::fs::metadata(home.path().join(FILE)).unwrap();
        let second = Token::generate().unwrap();
        second.write_over(home.path()).unwrap();
        assert!(second.is(Token::read(home.path()).unwrap().reveal()));
        let after = std::fs::metadata(home.path().join(FILE)).unwrap();
        assert_eq!(
            (before.ino(), before.blocks()),
            (after.ino(), after.blocks())
        );
    }

    #[test]
    fn a_link_in_its_place_is_replaced_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, home.path().join(FILE)).unwrap();
        Token::generate().unwrap().write(home.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
    }

    #[test]
    fn an_agents_is_read_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("agent");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Token::of_agent(&file)
        };
        let digits = "0f".repeat(32);
        let text = format!("azora-agent-{digits}");
        assert_eq!(read(&format!("{text}\n")).unwrap().reveal(), text);
        for none in [
            "",
            &digits,
            &format!("{text}0"),
            &text[..70],
            &format!("azora-agent-{}", "x".repeat(64)),
            &format!("{text}\n{}", "a".repeat(1 << 20)),
        ] {
            assert_eq!(
                read(none).unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{none:.80}"
            );
        }
        let none = Token::of_agent(&home.path().join("none")).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn it_does_not_show_itself() {
        let token = Token::generate().unwrap();
        assert!(!format!("{token:?}").contains(token.reveal()));
    }

    #[test]
    fn a_file_that_holds_something_else_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(FILE), "x\r\nHost: evil").unwrap();
        assert_eq!(
            Token::read(home.path()).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
