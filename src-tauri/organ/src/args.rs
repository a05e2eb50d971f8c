//! The command line.

use crate::calls::Peer;

/// More than any organ of the demo needs.
const MOST_CALLS: usize = 32;

/// What the organ was told.
#[derive(Debug)]
pub(crate) struct Args {
    /// Its name, as `/health` tells it.
    pub(crate) name: String,
    /// Where it listens; 0 is any free port.
    pub(crate) port: u16,
    /// Whom it calls every second.
    pub(crate) calls: Vec<Peer>,
    /// Which start this is, when somebody counts them.
    pub(crate) generation: Option<u64>,
    /// SIGTERM does nothing.
    pub(crate) ignore_term: bool,
    /// Leaves a grandchild in a session of its own behind.
    pub(crate) double_fork: bool,
}

impl Args {
    /// Reads the arguments after the program's name; the error is a sentence.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut name, mut port) = (None, None);
        let mut args = Args {
            name: String::new(),
            port: 0,
            calls: Vec::new(),
            generation: std::env::var("AZORA_GENERATION")
                .ok()
                .and_then(|text| text.parse().ok()),
            ignore_term: false,
            double_fork: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--name" => name = Some(checked_name(value()?)?),
                "--port" => {
                    let text = value()?;
                    port = Some(text.parse().map_err(|_| format!("{text} is no port"))?);
                }
                "--call" if args.calls.len() == MOST_CALLS => {
                    return Err(format!("more than {MOST_CALLS} calls"));
                }
                "--call" => args.calls.push(Peer::parse(&value()?)?),
                "--ignore-term" => args.ignore_term = true,
                "--double-fork" => args.double_fork = true,
                _ => {
                    return Err(format!(
                        "{word} is unknown; --name NAME --port PORT [--call URL]..."
                    ));
                }
            }
        }
        args.name = name.ok_or("--name NAME is missing")?;
        args.port = port.ok_or("--port PORT is missing")?;
        Ok(args)
    }
}

/// The name goes into JSON and logs as it stands, so it holds nothing that would need escaping.
fn checked_name(name: String) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err("--name has 1 to 64 letters, digits, hyphens, dots or underscores".to_owned());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, String> {
        Args::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_full_line_is_understood() {
        let args =
            read("--name api.0 --port 8080 --call http://127.0.0.1:9 --call localhost:10/x --ignore-term")
                .unwrap();
        assert_eq!(
            (args.name.as_str(), args.port, args.calls.len()),
            ("api.0", 8080, 2)
        );
        assert!(args.ignore_term && !args.double_fork);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence() {
        let refusal = |line| read(line).unwrap_err();
        assert_eq!(refusal("--port 1"), "--name NAME is missing");
        assert_eq!(refusal("--name a"), "--port PORT is missing");
        assert_eq!(refusal("--name a --port 70000"), "70000 is no port");
        assert_eq!(
            refusal("--name a\"b --port 1").split(' ').next(),
            Some("--name")
        );
        assert!(refusal("--name a --port 1 --call https://example.org").contains("example.org"));
        assert_eq!(refusal("--port"), "--port wants a value");
    }
}
