//! Whether a value looks like one that was drawn at random.

/// Longer ones are documents.
const LONGEST: usize = 512;
/// Letters of one case in a row that are a word, and not chance.
const WORD: usize = 10;
/// What people write where a secret is to be put in.
const PLACEHOLDERS: [&str; 13] = [
    "example",
    "xxxx",
    "****",
    "....",
    "your",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "dummy",
    "redacted",
    "insert",
    "•••",
];

/// It is no text that somebody thought of: for a value whose name says it is secret.
pub(crate) fn looks(value: &str, least: usize) -> bool {
    if !(least..=LONGEST).contains(&value.len()) || !one_word(value) {
        return false;
    }
    let counts = Counts::of(value);
    if counts.digits == 0 && (counts.upper == 0 || counts.lower == 0) {
        // One case alone is a word, or several.
        return false;
    }
    if counts.upper + counts.lower < 2 || words(value) || placeholder(value) || path(value) {
        return false;
    }
    let hex = value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    // A random hexadecimal text of sixteen digits has 3.2 bits a character as a mean, and 2.7 rarely.
    let least = if hex { 2.7 } else { 3.1 };
    counts.bits >= least
}

/// A long value of all kinds of characters, which nothing but chance makes.
pub(crate) fn without_name(value: &str) -> bool {
    const LEAST: usize = 32;
    const MOST: usize = 256;
    let alphabet =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'_' | b'-' | b'=');
    if !(LEAST..=MOST).contains(&value.len()) || !value.bytes().all(alphabet) {
        return false;
    }
    let counts = Counts::of(value);
    let each = value.len() / 10;
    // `sha256-` and its like begin a digest.
    let digest = value.starts_with("sha") && value.contains('-');
    // These are meant to be public.
    let public = value.starts_with("pk_");
    counts.upper >= each
        && counts.lower >= each
        && counts.digits >= value.len() / 20
        && counts.bits >= 4.2
        && !words(value)
        && !digest
        && !public
        && !path(value)
        && !placeholder(value)
}

struct Counts {
    digits: usize,
    upper: usize,
    lower: usize,
    /// Shannon's measure, in bits a character.
    bits: f64,
}

impl Counts {
    fn of(value: &str) -> Self {
        let mut seen = [0_u16; 256];
        for byte in value.bytes() {
            seen[usize::from(byte)] = seen[usize::from(byte)].saturating_add(1);
        }
        let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
        let length = value.len().max(1) as f64;
        let bits = seen.iter().filter(|count| **count > 0).map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        });
        Self {
            digits: count(u8::is_ascii_digit),
            upper: count(u8::is_ascii_uppercase),
            lower: count(u8::is_ascii_lowercase),
            bits: bits.sum(),
        }
    }
}

fn one_word(value: &str) -> bool {
    // `$NAME`, `${…}`, `<password>` and `{{ … }}` stand for something else.
    let stands = value.starts_with(['$', '<', '{', '%']);
    !stands && value.bytes().all(|b| b.is_ascii_graphic()) && !value.contains("://")
}

/// Somebody thought of it: it is made of words with numbers behind them, or has one that is too long to be chance.
fn words(value: &str) -> bool {
    let word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = part.len() - letters.len();
        let rest = letters.get(1..).unwrap_or_default();
        let one_case = rest.bytes().all(|b| b.is_ascii_lowercase())
            || letters.bytes().all(|b| b.is_ascii_uppercase());
        let first = letters
            .bytes()
            .next()
            .is_none_or(|b| b.is_ascii_alphabetic());
        one_case && first && digits <= 4
    };
    if value.split(|c: char| !c.is_ascii_alphanumeric()).all(word) {
        return true;
    }
    let mut run = 0;
    let mut before = false;
    for b in value.bytes() {
        let lower = b.is_ascii_lowercase();
        run = match b.is_ascii_alphabetic() {
            true if run > 0 && lower == before => run + 1,
            true => 1,
            false => 0,
        };
        before = lower;
        if run > WORD {
            return true;
        }
    }
    false
}

pub(super) fn placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let distinct: std::collections::BTreeSet<u8> = lower.bytes().collect();
    distinct.len() < 6 || PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

fn path(value: &str) -> bool {
    let slashes = value.matches('/').count();
    value.starts_with(['/', '.', '~']) || slashes > 0 && slashes * 8 > value.len()
}
