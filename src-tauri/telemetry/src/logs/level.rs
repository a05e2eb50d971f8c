//! How much a line matters, as far as it says so itself: `[WARN]`, `level=info`, `{"level":"error"}`,
//! pino's `"level":50`, glog's `E1128 …`, syslog's `<3>`. A line that does not say looks like an error
//! ([`shim::trouble`]) or is of no level. Pure; asked for each line that is shown or filtered.

use super::pattern::plain;
use model::view::LogLevel;

/// A line says it in its first bytes.
const HEAD: usize = 240;

/// The level of a line.
pub(super) fn level(line: &[u8]) -> Option<LogLevel> {
    let head = plain(&line[..line.len().min(HEAD)]);
    said(&head).or_else(|| shim::trouble::is_error(line).then_some(LogLevel::Error))
}

fn said(head: &[u8]) -> Option<LogLevel> {
    let begin = head
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let text = &head[begin..];
    if text.first() == Some(&b'{') {
        return field(text);
    }
    if let Some(level) = syslog(text).or_else(|| glog(text)) {
        return Some(level);
    }
    words(text).or_else(|| field(text))
}

/// `level=warn`, `"severity":"ERROR"`, `"level":50`.
fn field(text: &[u8]) -> Option<LogLevel> {
    for key in [&b"level"[..], b"severity", b"lvl", b"levelname"] {
        for at in memchr::memmem::find_iter(text, key) {
            let stands = at
                .checked_sub(1)
                .is_none_or(|before| !text[before].is_ascii_alphanumeric() && text[before] != b'_');
            let rest = &text[at + key.len()..];
            let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
            let gap = rest.iter().take_while(|byte| **byte == b' ').count();
            let Some((b'=' | b':', rest)) = rest[gap..].split_first() else {
                continue;
            };
            let gap = rest
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'"'))
                .count();
            let value = &rest[gap..];
            let length = value
                .iter()
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            if stands
                && let Some(level) = named(&value[..length]).or_else(|| number(&value[..length]))
            {
                return Some(level);
            }
        }
    }
    None
}

/// The numbers of pino and bunyan.
fn number(text: &[u8]) -> Option<LogLevel> {
    Some(match text {
        b"10" => LogLevel::Trace,
        b"20" => LogLevel::Debug,
        b"30" => LogLevel::Info,
        b"40" => LogLevel::Warn,
        b"50" | b"60" => LogLevel::Error,
        _ => return None,
    })
}

/// `<3>` before the text: systemd's.
fn syslog(text: &[u8]) -> Option<LogLevel> {
    match text {
        [b'<', digit @ b'0'..=b'7', b'>', ..] => Some(match digit {
            b'0'..=b'3' => LogLevel::Error,
            b'4' => LogLevel::Warn,
            b'5' | b'6' => LogLevel::Info,
            _ => LogLevel::Debug,
        }),
        _ => None,
    }
}

/// `E1128 10:00:00.000000 …`
fn glog(text: &[u8]) -> Option<LogLevel> {
    let [letter, month @ .., b' '] = text.get(..6)? else {
        return None;
    };
    if !month.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(match letter {
        b'I' => LogLevel::Info,
        b'W' => LogLevel::Warn,
        b'E' | b'F' => LogLevel::Error,
        _ => return None,
    })
}

/// The first word that is a level: in capitals anywhere in the head, in small letters only as a mark of its
/// own (`[info]`, `warn:`).
fn words(text: &[u8]) -> Option<LogLevel> {
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let length = text[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let word = &text[at..at + length];
        let before = at.checked_sub(1).map(|before| text[before]);
        let after = text.get(at + length);
        let stands = !matches!(before, Some(b'-' | b'/' | b'.' | b'_' | b'0'..=b'9'))
            && !matches!(after, Some(b'-' | b'/' | b'='));
        let marked = match before {
            Some(b'[' | b'(' | b'<') => matches!(after, Some(b']' | b')' | b'>' | b':' | b' ')),
            None => after == Some(&b':'),
            Some(b' ' | b'\t' | b':') => after == Some(&b':'),
            _ => false,
        };
        let capitals = word.iter().all(u8::is_ascii_uppercase);
        if stands
            && (capitals || marked)
            && let Some(level) = named(word)
        {
            return Some(level);
        }
        at += length;
    }
    None
}

fn named(word: &[u8]) -> Option<LogLevel> {
    const NAMES: [(&str, LogLevel); 19] = [
        ("trace", LogLevel::Trace),
        ("verbose", LogLevel::Trace),
        ("debug", LogLevel::Debug),
        ("dbg", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("information", LogLevel::Info),
        ("notice", LogLevel::Info),
        ("log", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("warning", LogLevel::Warn),
        ("error", LogLevel::Error),
        ("err", LogLevel::Error),
        ("fatal", LogLevel::Error),
        ("critical", LogLevel::Error),
        ("crit", LogLevel::Error),
        ("panic", LogLevel::Error),
        ("alert", LogLevel::Error),
        ("emerg", LogLevel::Error),
        ("severe", LogLevel::Error),
    ];
    let found = NAMES
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;
    use LogLevel::{Debug, Error, Info, Trace, Warn};

    #[test]
    fn a_line_says_how_much_it_matters() {
        for (line, wanted) in [
            ("2026-11-28T10:00:00Z  INFO api: started", Some(Info)),
            ("\x1b[33m WARN\x1b[0m slow answer", Some(Warn)),
            ("[error] 12#0: open() failed", Some(Error)),
            ("2026/11/28 10:00:00 [notice] 1#1: start worker", Some(Info)),
            (
                "2026-11-28 10:00:00.000 UTC [12] LOG:  database system is ready",
                Some(Info),
            ),
            (
                "2026-11-28 10:00:00.000 UTC [12] ERROR:  relation does not exist",
                Some(Error),
            ),
            ("warn: this is old", Some(Warn)),
            ("time=\"…\" level=debug msg=x", Some(Debug)),
            (r#"{"time":1,"level":"warn","msg":"ERROR"}"#, Some(Warn)),
            (r#"{"level":50,"msg":"x"}"#, Some(Error)),
            (r#"{"severity": "TRACE"}"#, Some(Trace)),
            (r#"{"msg":"INFO"}"#, None),
            ("E1128 10:00:00.000000 1 main.go:3] x", Some(Error)),
            ("<4>slow", Some(Warn)),
            ("INFO it failed to start", Some(Info)),
            ("TypeError: x is not a function", Some(Error)),
            ("thread 'main' panicked at src/main.rs:1:1:", Some(Error)),
            ("GET /error 200", None),
            ("information about a warning", None),
            ("-Xlog:INFO=3", None),
            ("log_level=info", None),
            ("plain", None),
            ("", None),
        ] {
            assert_eq!(level(line.as_bytes()), wanted, "{line}");
        }
    }
}
