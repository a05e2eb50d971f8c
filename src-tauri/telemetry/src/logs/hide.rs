//! Lines as they may be shown, and what may be found in them: what is a secret is in no answer, and a search finds
//! what is shown and nothing else, so that nobody can try out what a secret is by looking for it.
//!
//! The log itself has every byte that was written.

use super::lines::{BLOCK, Raw};
use super::page::{Filter, line};
use super::pattern::plain;
use super::{Pattern, shown};
use model::view::LogLine;
use model::{InstanceId, Timestamp};
use security::redact::Redactor;
use std::borrow::Cow;

impl Filter {
    /// A line as it is shown. `open`: it goes on where another one was shown without its end.
    pub(super) fn show(
        &self,
        raw: &Raw<'_>,
        at: Option<Timestamp>,
        instance: &InstanceId,
        open: bool,
    ) -> LogLine {
        let mut line = line(raw, at, instance);
        if let Some(redactor) = &self.hide {
            line.text = hidden(redactor, raw, line.text, open);
        }
        line
    }
}

/// Hides the secrets of a line that was read whole.
pub fn hide(redactor: &Redactor, line: &mut LogLine) {
    let text = std::mem::take(&mut line.text);
    line.text = of_text(redactor, text, false, false);
}

/// Whether what is shown of a line holds this.
pub(super) fn is_shown(redactor: &Redactor, pattern: &Pattern, raw: &Raw<'_>) -> bool {
    if !redactor.may_hide(&plain(raw.bytes)) {
        return pattern.is_in(raw.bytes);
    }
    let text = hidden(redactor, raw, shown(raw.bytes), false);
    pattern.is_in(text.as_bytes())
}

fn hidden(redactor: &Redactor, raw: &Raw<'_>, text: String, open: bool) -> String {
    // A line that goes on and on is cut at blocks; see `lines`.
    let front = open || raw.offset > 0 && raw.offset.is_multiple_of(BLOCK);
    let behind = raw.end - raw.offset == raw.bytes.len() as u64;
    of_text(redactor, text, front, behind)
}

/// Colours go with a secret: one may stand in the midst of it.
fn of_text(redactor: &Redactor, text: String, front: bool, behind: bool) -> String {
    let seen = plain(text.as_bytes());
    let seen = std::str::from_utf8(&seen).unwrap_or(&text);
    match redactor.hide_piece(seen, front, behind) {
        Cow::Owned(hidden) => hidden,
        Cow::Borrowed(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LOG, LogQuery, Searching, page};
    use super::*;
    use std::path::Path;
    use std::sync::Arc;

    const SECRET: &str = "correct horse battery";
    const TOKEN: &str = "q7Zt1bX9vLm4Kw2RpD6s";

    fn filter(grep: Option<&str>) -> Filter {
        Filter {
            grep: grep.map(|text| Pattern::new(text).unwrap()),
            hide: Some(Arc::new(Redactor::new([SECRET], []))),
            ..Filter::default()
        }
    }

    fn shown(folder: &Path, grep: Option<&str>) -> Vec<String> {
        let query = LogQuery {
            filter: filter(grep),
            ..LogQuery::default()
        };
        let page = page(folder, &"api.0".parse().unwrap(), &query).unwrap();
        page.lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn what_is_shown_has_no_secret_whatever_its_colours() {
        let folder = tempfile::tempdir().unwrap();
        let log = format!(
            "it is {SECRET}!\n\x1b[31mred\x1b[0m correct \x1b[1mhorse\x1b[0m battery\npassword=\x1b[2m{TOKEN}\n\x1b[31mplain\x1b[0m\n"
        );
        std::fs::write(folder.path().join(LOG), log).unwrap();
        assert_eq!(
            shown(folder.path(), None),
            [
                "it is •••!",
                "red •••",
                "password=•••",
                "\x1b[31mplain\x1b[0m"
            ]
        );
    }

    #[test]
    fn nobody_finds_out_what_a_secret_is_by_looking_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = format!("token={TOKEN} used\nit is {SECRET}\nplain\n");
        std::fs::write(folder.path().join(LOG), log).unwrap();
        let found = |grep| shown(folder.path(), Some(grep)).len();
        for guess in [
            "horse",
            "q7Zt",
            "token=q",
            "token=[a-z•]7",
            "^token=.{20} used$",
            "[rs]e bat",
        ] {
            assert_eq!(found(guess), 0, "{guess}");
        }
        for seen in ["token=", "used$", "token=.* used", "it is •", "plain"] {
            assert_eq!(found(seen), 1, "{seen}");
        }
        let logs = vec![("api.0".parse().unwrap(), folder.path().to_owned())];
        let mut search = Searching::new(logs.clone(), filter(Some("horse")), None, None);
        assert_eq!(search.step().unwrap().unwrap().count, 0);
        let mut search = Searching::new(logs, filter(Some("it is")), None, None);
        assert_eq!(search.step().unwrap().unwrap().count, 1);
    }

    #[test]
    fn a_secret_that_lies_over_the_cut_of_a_long_line_is_hidden_in_both_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let block = usize::try_from(BLOCK).unwrap();
        for before in [4, 10, 17] {
            let mut log = "x ".repeat(block).into_bytes();
            log.truncate(2 * block - before);
            log.extend_from_slice(SECRET.as_bytes());
            log.extend_from_slice(" and more\n".as_bytes());
            std::fs::write(folder.path().join(LOG), log).unwrap();
            let lines = shown(folder.path(), None);
            assert!(lines.len() > 1, "it was cut");
            for line in lines {
                let parts = ["corr", "horse", "batt", "tery"];
                assert!(
                    !parts.iter().any(|part| line.contains(part)),
                    "{before}: {}",
                    &line[line.len() - 60..]
                );
            }
        }
    }
}
