//! How a container is asked how it is: by its daemon, as the file or the image says.

use super::values::{duration_of, number_of, table, texts};
use super::{Writer, at};
use crate::compose::project::{Healthcheck, Service, Test};
use crate::draft::Draft;
use std::time::Duration;

/// What the daemon takes where nothing is said.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;
/// So long a service has by default until it has to be ready.
const WITHIN: Duration = Duration::from_secs(60);
/// Longest it can have.
const LONGEST: Duration = Duration::from_secs(86_400);

impl Writer<'_> {
    /// `ready` and `health`, where the file has a check of its own. Without one they are the image's check.
    pub(super) fn health(&self, service: &Service, draft: &mut Draft) {
        let Some(check) = &service.healthcheck else {
            return;
        };
        if check.test == Some(Test::Disabled) {
            return;
        }
        let from = self.origin(at(service, "healthcheck"));
        let within = within(check);
        let mut ready = vec![("check", "true".to_owned())];
        if within > WITHIN {
            ready.extend(duration_of("within", Some(within)));
        }
        draft.key("ready", table(ready), &from);
        draft.key("health", table([("check", "true".to_owned())]), &from);
    }

    /// `check` of the container.
    pub(super) fn check(&self, service: &Service, draft: &mut Draft) {
        let Some(check) = &service.healthcheck else {
            return;
        };
        let from = self.origin(at(service, "healthcheck"));
        let test = match &check.test {
            Some(Test::Disabled) => return draft.key("check", "false", &from),
            Some(Test::Shell(line)) => Some(texts(&["CMD-SHELL".to_owned(), line.clone()])),
            Some(Test::Direct(words)) => {
                let words = std::iter::once("CMD".to_owned()).chain(words.iter().cloned());
                Some(texts(&words.collect::<Vec<_>>()))
            }
            None => None,
        };
        // Nothing is as the image or the daemon has it.
        let said = |time: Option<Duration>| time.filter(|time| !time.is_zero());
        let keys = test
            .map(|test| ("test", test))
            .into_iter()
            .chain(duration_of("interval", said(check.interval)))
            .chain(duration_of("timeout", said(check.timeout)))
            .chain(number_of(
                "retries",
                check.retries.filter(|retries| *retries > 0),
            ))
            .chain(duration_of("start_period", said(check.start_period)))
            .chain(duration_of("start_interval", said(check.start_interval)));
        let keys: Vec<_> = keys.collect();
        if !keys.is_empty() {
            draft.key("check", table(keys), &from);
        }
    }
}

/// How long it may take until the daemon has said that it is well or that it is not.
fn within(check: &Healthcheck) -> Duration {
    let or = |time: Option<Duration>, usual| time.filter(|time| !time.is_zero()).unwrap_or(usual);
    let retries = check
        .retries
        .filter(|retries| *retries > 0)
        .unwrap_or(RETRIES);
    let round = or(check.interval, INTERVAL).saturating_add(or(check.timeout, TIMEOUT));
    let until = check
        .start_period
        .unwrap_or_default()
        .saturating_add(round.saturating_mul(retries));
    // In whole seconds, for people.
    let until = until.min(LONGEST);
    Duration::from_secs(until.as_secs() + u64::from(until.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_as_long_as_its_daemon_gives_it() {
        let seconds = |interval, timeout, start, retries| {
            let time = |seconds: Option<u64>| seconds.map(Duration::from_secs);
            within(&Healthcheck {
                interval: time(interval),
                timeout: time(timeout),
                start_period: time(start),
                retries,
                ..Healthcheck::default()
            })
            .as_secs()
        };
        assert_eq!(seconds(None, None, None, None), 180);
        assert_eq!(seconds(Some(5), Some(2), Some(10), Some(5)), 45);
        assert_eq!(seconds(Some(0), None, None, Some(0)), 180);
        assert_eq!(seconds(Some(u64::MAX), None, None, None), 86_400);
    }
}
