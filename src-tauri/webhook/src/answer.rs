//! What an answer means for the event and for its receiver.

use model::Timestamp;
use std::time::Duration;

/// Longest wait that a receiver may ask for.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Retry-After`, as it was written.
    pub(crate) retry_after: Option<String>,
    /// `Location`, likewise.
    pub(crate) location: Option<String>,
    /// The beginning of the body, harmless.
    pub(crate) said: String,
}

/// What comes of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver has it.
    Taken {
        /// What it answered.
        status: u16,
    },
    /// It may have it later.
    Again {
        /// Not before so long from now.
        after: Option<Duration>,
        why: String,
    },
    /// It does not want this one.
    Refused { why: String },
    /// It wants none any more.
    Gone { why: String },
}

impl Answer {
    /// What it means.
    ///
    /// What is wrong with the request as such (a key, an address, a redirect) is waited for: a person
    /// can mend it, and nothing is lost until then. What is wrong with this one event would be wrong
    /// for ever, and must not hold up the others.
    pub(crate) fn means(&self, now: Timestamp) -> Outcome {
        let said = match self.said.is_empty() {
            true => String::new(),
            false => format!(": {}", self.said),
        };
        let status = self.status;
        let why = |what: &str| format!("it answered {status}, {what}{said}");
        let again = |why| Outcome::Again { after: None, why };
        match status {
            200..=299 => Outcome::Taken { status },
            300..=399 => {
                let to = self.location.as_deref().unwrap_or("nowhere");
                let to = model::text::harmless(to, 200);
                again(format!(
                    "it answered {status}, a redirect to {to}, and none is followed: write the \
                     right address as `url`"
                ))
            }
            401 | 403 | 407 => again(why(
                "which refuses the key: look at `authorization` and `sign`",
            )),
            404 | 405 | 415 => again(why("as if nobody takes events there: look at `url`")),
            410 => Outcome::Gone {
                why: why("which means that it is gone for good"),
            },
            408 | 425 | 429 | 500..=599 => Outcome::Again {
                after: self.wait(now),
                why: format!("it answered {status}{said}"),
            },
            400..=499 => Outcome::Refused {
                why: why("which refuses this event"),
            },
            _ => again(format!("it answered {status}, which is no answer")),
        }
    }

    /// How long it asks to be left alone: seconds, or a date.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let text = self.retry_after.as_deref()?.trim();
        let wait = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let date = jiff::fmt::rfc2822::parse(text).ok()?;
                let until = Timestamp(date.timestamp().as_millisecond());
                Duration::from_millis(until.millis_since(now))
            }
        };
        Some(wait.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(status: u16, retry_after: Option<&str>) -> Outcome {
        Answer {
            status,
            retry_after: retry_after.map(str::to_owned),
            said: "so it is".into(),
            ..Answer::default()
        }
        .means(Timestamp(784_111_777_000))
    }

    #[test]
    fn what_a_person_can_mend_is_waited_for_and_what_nobody_can_is_not() {
        assert_eq!(means(204, None), Outcome::Taken { status: 204 });
        for later in [302, 401, 403, 404, 405, 408, 415, 429, 500, 503, 999] {
            let outcome = means(later, None);
            assert!(
                matches!(outcome, Outcome::Again { after: None, .. }),
                "{outcome:?}"
            );
        }
        for never in [400, 409, 413, 422, 451] {
            let outcome = means(never, None);
            let Outcome::Refused { why } = &outcome else {
                panic!("{never}: {outcome:?}");
            };
            assert!(why.ends_with(": so it is"), "{why}");
        }
        assert!(matches!(means(410, None), Outcome::Gone { .. }));
    }

    #[test]
    fn a_receiver_may_ask_to_be_left_alone_for_an_hour_at_most() {
        let wait = |status, text| match means(status, Some(text)) {
            Outcome::Again { after, .. } => after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(503, "120"), Some(120));
        assert_eq!(wait(429, "86400"), Some(3_600));
        // One minute after that moment, and a minute before it.
        assert_eq!(wait(503, "Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait(503, "Sun, 06 Nov 1994 08:48:37 GMT"), Some(0));
        assert_eq!(wait(503, "soon"), None);
        assert_eq!(wait(503, "-5"), None);
    }
}
