//! How a container is asked how it is: by its daemon, as the file or the image says. That its daemon is asked in turn,
//! and waited for as long as that takes, is what a definition means that says nothing else.

use super::values::{duration_of, number_of, table, texts};
use super::{Writer, at};
use crate::compose::project::{Service, Test};
use crate::draft::Draft;
use std::time::Duration;

impl Writer<'_> {
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
