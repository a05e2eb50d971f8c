//! What is asked for behind the question mark.

use super::Failure;
use crate::Query;
use hyper::StatusCode;
use model::view::Health;
use std::time::Duration;

/// So long a blocking read waits unless it says otherwise.
const WAIT: Duration = Duration::from_secs(60);
/// The longest it may say.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Most tags that can be asked for.
const MAX_TAGS: usize = 16;

/// Which entries, and whether to wait for them to change.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) name: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) worst: Health,
    pub(super) index: Option<u64>,
    pub(super) wait: Duration,
}

fn refused(error: &str, help: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, error, help)
}

impl Asked {
    /// A word that is not known is refused: what was meant by it would not be done.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Failure> {
        let mut asked = Self {
            name: None,
            tags: Vec::new(),
            worst: Health::Critical,
            index: None,
            wait: WAIT,
        };
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        for (key, value) in pairs {
            match &*key {
                "name" => asked.name = Some(value.into_owned()),
                "tag" if asked.tags.len() < MAX_TAGS => asked.tags.push(value.into_owned()),
                "tag" => return Err(refused("there are more than 16 tags", "Ask for fewer.")),
                "healthy" => {
                    asked.worst = match &*value {
                        "" | "true" | "1" => Health::Warning,
                        "false" | "0" => Health::Critical,
                        _ => {
                            return Err(refused("healthy is true or false", "Write healthy=true."));
                        }
                    }
                }
                "index" => {
                    let index = value.parse().map_err(|_| {
                        let help = "Give the X-Registry-Index of an answer.";
                        refused("index is not a whole number", help)
                    })?;
                    asked.index = Some(index);
                }
                "wait" => asked.wait = wait(&value)?,
                other => {
                    let error = format!("there is no {other:?} to ask for");
                    let help = "There are name, tag, healthy, index and wait.";
                    return Err(refused(&error, help));
                }
            }
        }
        Ok(asked)
    }

    /// Everything is asked for.
    pub(super) fn is_plain(&self) -> bool {
        self.name.is_none() && self.tags.is_empty() && self.worst == Health::Critical
    }

    pub(super) fn query<'a>(&'a self, name: Option<&'a str>) -> Query<'a> {
        Query {
            name: name.or(self.name.as_deref()),
            tags: &self.tags,
            worst: self.worst,
        }
    }
}

/// Seconds, or a number with `ms`, `s`, `m` or `h`.
fn wait(text: &str) -> Result<Duration, Failure> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = digits.parse::<u32>().ok().map(u64::from);
    let wait = number.and_then(|number| match &text[digits.len()..] {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        // Clients of other registries ask for as much, and get the most there is.
        "h" => Some(Duration::from_secs(number * 3_600)),
        _ => None,
    });
    match wait {
        Some(wait) => Ok(wait.min(LONGEST_WAIT)),
        None => Err(refused(
            &format!(
                "wait is a time like 30s, not {}",
                crate::consul::quoted(text)
            ),
            "Write it like 30s, 5m or 500ms; whoever asks for more than 10m waits 10m.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_or_refused() {
        let asked = Asked::read(Some("tag=a&tag=b%20c&healthy&index=7&wait=2m")).unwrap();
        assert_eq!(asked.tags, ["a", "b c"]);
        assert_eq!((asked.worst, asked.index), (Health::Warning, Some(7)));
        assert_eq!(asked.wait, Duration::from_secs(120));
        assert_eq!(wait("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(wait("7").unwrap(), Duration::from_secs(7));
        assert_eq!(wait("4000000000m").unwrap(), LONGEST_WAIT);
        assert_eq!(wait("1h").unwrap(), LONGEST_WAIT);
        assert!(Asked::read(None).unwrap().is_plain());
        for wrong in [
            "index=-1",
            "index=x",
            "wait=",
            "wait=1d",
            "wait=-1s",
            "healthy=yes",
            "tags=a",
        ] {
            assert!(Asked::read(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
