//! Numbers as people say them.

use std::time::Duration;

/// "350 ms", "2 s", "1.5 s", "90 s", "10 min", "3 h".
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..10_000 if !millis.is_multiple_of(1_000) => {
            format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
        }
        1_000..120_000 => format!("{} s", millis / 1_000),
        120_000..7_200_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", millis / 3_600_000),
    }
}

/// The same of what may be long: "100 min", "10 h", "3 days".
pub fn long(time: Duration) -> String {
    let hours = time.as_secs() / 3_600;
    match hours {
        0..48 => duration(time),
        _ => format!("{} days", (hours + 12) / 24),
    }
}

/// Microseconds as a length of time: "0.4 ms", "3 ms", "84 ms", "1.5 s".
pub fn micros(micros: u64) -> String {
    match micros {
        0..850 => format!("0.{} ms", (micros / 100).max(1)),
        850..1_000_000 => format!("{} ms", (micros + 500) / 1_000),
        _ => duration(Duration::from_micros(micros)),
    }
}

/// What lies between two lengths in microseconds: "3 to 5 ms", "900 ms to 1.2 s", "about 3 ms".
pub fn between(from: u64, to: u64) -> String {
    let (from, to) = (micros(from), micros(to));
    if from == to {
        return format!("about {to}");
    }
    let unit = |words: &str| words.split_once(' ').map(|(_, unit)| unit.to_owned());
    match (from.split_once(' '), unit(&to)) {
        (Some((number, same)), Some(unit)) if same == unit => format!("{number} to {to}"),
        _ => format!("{from} to {to}"),
    }
}

/// "once", "twice", "three times", "14 times".
pub fn times(count: u32) -> String {
    const WORDS: [&str; 10] = [
        "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    ];
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => {
            let word = usize::try_from(count)
                .ok()
                .and_then(|n| WORDS.get(n.checked_sub(3)?));
            match word {
                Some(word) => format!("{word} times"),
                None => format!("{count} times"),
            }
        }
    }
}

/// "a", "a and b", "a, b and c", "a, b and 7 more".
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_to_read() {
        let said = [0, 350, 1_000, 1_540, 12_300, 90_000, 600_000, 10_800_000]
            .map(|millis| duration(Duration::from_millis(millis)));
        assert_eq!(
            said,
            [
                "0 ms", "350 ms", "1 s", "1.5 s", "12 s", "90 s", "10 min", "3 h"
            ]
        );
    }

    #[test]
    fn latencies_are_short_to_read() {
        let said = [0, 420, 949, 3_400, 84_000, 1_540_000].map(micros);
        assert_eq!(said, ["0.1 ms", "0.4 ms", "1 ms", "3 ms", "84 ms", "1.5 s"]);
        assert_eq!(between(3_000, 5_200), "3 to 5 ms");
        assert_eq!(between(3_000, 3_200), "about 3 ms");
        assert_eq!(between(900_000, 1_200_000), "900 ms to 1.2 s");
    }

    #[test]
    fn small_counts_are_words() {
        assert_eq!(
            [1, 2, 3, 12, 14].map(times),
            ["once", "twice", "three times", "twelve times", "14 times"]
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(list(&names[..3]), "a, b and c");
        assert_eq!(list(&names), "a, b and 2 more");
    }
}
