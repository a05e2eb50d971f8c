//! Keys of receivers: read when they are used, so that one that was changed counts at once, and in no
//! message whatever. A request is signed as Standard Webhooks describes it
//! (github.com/standard-webhooks/standard-webhooks), which has verifiers for many languages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use spec::SecretPlace;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a key: far more than any has.
const MAX: u64 = 32 << 10;
/// What a key begins with that is written in base64.
const PREFIX: &str = "whsec_";

/// The text of a secret; why not, without the secret.
pub(crate) fn read(home: &Path, place: &SecretPlace) -> Result<String, String> {
    let (named, text) = match place {
        SecretPlace::File(path) => {
            let text = file(&home.join(path)).map_err(|error| error.to_string());
            (path.clone(), text)
        }
        SecretPlace::Env(name) => {
            let text = std::env::var(name).map_err(|_| "it is not set, or is no text".to_owned());
            (format!("the variable {name}"), text)
        }
    };
    let failed = |why: String| format!("failed to read a key from {named}: {why}");
    let text = text.map_err(failed)?;
    // As `$(…)` takes it: files end their last line.
    let text = text.trim_end_matches(['\n', '\r']);
    match text.is_empty() {
        true => Err(failed("it is empty".to_owned())),
        false => Ok(text.to_owned()),
    }
}

fn file(path: &Path) -> io::Result<String> {
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(io::Error::other("it is longer than 32 KiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// The value of `webhook-signature`.
pub(crate) fn signature(key: &str, id: &str, seconds: i64, body: &str) -> Result<String, String> {
    let key = match key.strip_prefix(PREFIX) {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| format!("the key to sign with begins with {PREFIX} and is not base64"))?,
        None => key.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)
        .map_err(|_| "the key to sign with cannot be used".to_owned())?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    Ok(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn a_signature_is_what_standard_webhooks_says() {
        let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = r#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signature(key, id, 1_614_265_330, body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let plain = signature("hush", id, 1_614_265_330, body).unwrap();
        assert_ne!(plain, signed);
        let odd = signature("whsec_?", id, 0, body).unwrap_err();
        assert!(!odd.contains('?'), "{odd}");
    }

    #[test]
    fn a_key_is_read_without_its_last_line_break_and_said_where_it_is_not() {
        let home = tempfile::tempdir().unwrap();
        let place = SecretPlace::File("key".into());
        let read = || read(home.path(), &place);
        assert!(read().unwrap_err().contains("from key: "));
        std::fs::write(home.path().join("key"), "hush\n").unwrap();
        assert_eq!(read().unwrap(), "hush");
        std::fs::write(home.path().join("key"), "\n").unwrap();
        assert!(read().unwrap_err().ends_with("it is empty"));
        std::fs::write(home.path().join("key"), "x".repeat(40_000)).unwrap();
        assert!(read().unwrap_err().contains("32 KiB"));
        let env = SecretPlace::Env("AZORA_NOT_SET_ANYWHERE".into());
        let why = super::read(home.path(), &env).unwrap_err();
        assert!(why.contains("AZORA_NOT_SET_ANYWHERE"), "{why}");
    }
}
