//! The form in which secrets reach a shim: through a file that lives in memory only, as its standard
//! output, `NAME=value` and a zero byte each. The shim keeps them as it keeps the rest of the
//! environment; on a disk they are never.

/// Most bytes of all secrets together: no larger environment can be passed on.
pub const MAX: u64 = 2 * 1024 * 1024;

/// Writes the file.
pub fn encode<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in secrets {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Reads the file back: whole `NAME=value` texts. `None` when it is cut off, or no text.
pub fn decode(bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.strip_suffix('\0')?
        .split('\0')
        .map(|entry| entry.split_once('='))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_read_back_whole_or_not_at_all() {
        let bytes = encode([("A", "x=y\nz"), ("B", "")]);
        assert_eq!(decode(&bytes), Some(vec![("A", "x=y\nz"), ("B", "")]));
        assert_eq!(decode(&[]), Some(vec![]));
        for end in 1..bytes.len() {
            let whole = decode(&bytes[..end]);
            assert!(
                whole.is_none_or(|whole| whole == [("A", "x=y\nz")]),
                "cut at {end}"
            );
        }
    }
}
