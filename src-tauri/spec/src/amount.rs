//! Amounts as a definition writes them: memory as a whole number and a unit (`512MB`, `1GiB`), shares
//! of the processor as a percentage of one core (`50%`) or a number of cores (`1.5`).

/// Why a text is no amount, and what would be one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAnAmount {
    pub(crate) label: &'static str,
    pub(crate) help: String,
}

const FORM: &str = "a size is a whole number and a unit: \"64MB\", \"512MB\" or \"2GB\"; \
                    with an i (\"512MiB\") the units are powers of 1024";

/// Reads `64kB`, `512MB`, `2GB`, `1TB`, and the same with an `i`; answers bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, NotAnAmount> {
    let refuse = |label, help: String| Err(NotAnAmount { label, help });
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return refuse("no number", FORM.into());
    }
    let unit_bytes: u64 = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "" => {
            return refuse(
                "no unit",
                format!("write \"{number}MB\" for megabytes or \"{number}GB\" for gigabytes"),
            );
        }
        _ if unit.starts_with(['.', ',']) => {
            return refuse(
                "not a whole number",
                "use a smaller unit: \"1500MB\" instead of \"1.5GB\"".into(),
            );
        }
        _ => {
            let help = match unit.trim().to_ascii_lowercase().as_str() {
                "k" | "kb" | "kib" => format!("write \"{number}kB\" or \"{number}KiB\""),
                "m" | "mb" | "mib" => format!("write \"{number}MB\" or \"{number}MiB\""),
                "g" | "gb" | "gib" => format!("write \"{number}GB\" or \"{number}GiB\""),
                "t" | "tb" | "tib" => format!("write \"{number}TB\" or \"{number}TiB\""),
                _ => FORM.into(),
            };
            return refuse("not a unit", help);
        }
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit_bytes))
        .map_or_else(|| refuse("too much", "at most \"64TB\"".into()), Ok)
}

/// Bytes as a definition would write them, in the largest unit that is exact.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 8] = [
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("KB", 1_000),
        ("KiB", 1 << 10),
    ];
    let exact = UNITS
        .iter()
        .find(|(_, length)| bytes > 0 && bytes.is_multiple_of(*length));
    exact.map_or_else(
        || format!("{bytes}B"),
        |(unit, length)| format!("{}{unit}", bytes / length),
    )
}

/// Reads a percentage of one core, `50%`; answers thousandths of a core.
pub(crate) fn percent(text: &str) -> Option<u32> {
    let percent = text.strip_suffix('%')?.trim_end().parse::<f64>().ok()?;
    thousandths(percent / 100.0)
}

/// Cores as thousandths; `None` for what is no number of cores at all.
pub(crate) fn thousandths(cores: f64) -> Option<u32> {
    let thousandths = (cores * 1_000.0).round();
    // Far over any machine; the caller holds it to its range.
    (0.0..=f64::from(u32::MAX))
        .contains(&thousandths)
        .then_some(thousandths as u32)
}

/// A share of the processor for people: "50 % of a core", "1.5 cores".
pub fn cores(thousandths: u32) -> String {
    match thousandths {
        1_000 => "1 core".to_owned(),
        0..1_000 => format!("{} % of a core", f64::from(thousandths) / 10.0),
        _ => format!("{} cores", f64::from(thousandths) / 1_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        for text in ["64KB", "64KiB", "64MB", "3GiB", "1TB"] {
            assert_eq!(bytes(text).map(size).as_deref(), Ok(text));
        }
        assert_eq!(size(1_001), "1001B");
        assert_eq!(bytes("1001B"), Ok(1_001));
    }

    #[test]
    fn a_share_reads_back_as_people_say_it() {
        for (text, said) in [
            ("50%", "50 % of a core"),
            ("12.5%", "12.5 % of a core"),
            ("100%", "1 core"),
            ("150%", "1.5 cores"),
        ] {
            assert_eq!(percent(text).map(cores).as_deref(), Some(said), "{text}");
        }
        for text in ["50", "%", "-5%", "NaN%", "inf%"] {
            assert_eq!(percent(text), None, "{text}");
        }
    }
}
