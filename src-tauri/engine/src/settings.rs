//! What holds for a whole home: its `settings.toml`, read once when the engine starts.
//!
//! A mistake stops nothing: its table is not used, and what holds in its place opens the least. The
//! engine says so where people look: among its limits, as an event and in its log.

use driver::Layout;
use spec::{Diagnostics, Settings, SettingsTable};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Mistakes that are told one by one.
const TOLD: usize = 3;

/// What holds for a home.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) settings: Settings,
    /// All webhooks that are wanted are among them.
    pub(crate) all_webhooks: bool,
    /// So are all places for checkpoints.
    pub(crate) all_places: bool,
    /// What is to be said when some of the file is not used.
    pub(crate) said: Option<String>,
}

/// The settings of a home.
pub(crate) fn read(layout: &Layout) -> Held {
    let path = layout.settings();
    let file = path.display().to_string();
    match bytes(&path, spec::limits::MAX_BYTES) {
        Ok(None) => Held {
            settings: Settings::default(),
            all_webhooks: true,
            all_places: true,
            said: None,
        },
        Ok(Some(bytes)) => {
            let read = spec::settings(&file, &bytes);
            if let Some(problems) = &read.problems {
                tracing::error!("{file} has mistakes:\n{}", problems.render(100, false));
            }
            let told = |problems| format!("{}. {}", told(&problems), unused(&read.unused));
            Held {
                settings: read.settings,
                all_webhooks: !read.unused.contains(&SettingsTable::Webhook),
                all_places: !read.unused.contains(&SettingsTable::Ledger),
                said: read.problems.map(told),
            }
        }
        Err(error) => Held {
            settings: Settings::closed(),
            all_webhooks: false,
            all_places: false,
            said: Some(format!(
                "failed to read {file}: {error}. {}",
                unused(&SettingsTable::ALL.into())
            )),
        },
    }
}

/// The first mistakes, each with its place and what would be right.
pub(crate) fn told(problems: &Diagnostics) -> String {
    let all = problems.problems();
    let mut told: Vec<_> = (all.iter().take(TOLD))
        .map(|problem| {
            let (line, column) = problem.position();
            let file = problem.file().unwrap_or_default();
            let remedy = problem.remedy().map(|remedy| format!(" ({remedy})"));
            let remedy = remedy.unwrap_or_default();
            format!("{file}:{line}:{column}: {}{remedy}", problem.message())
        })
        .collect();
    let more = all.len().saturating_sub(TOLD) + problems.unshown();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told.join("; ")
}

/// What is not used, and what that means.
fn unused(tables: &BTreeSet<SettingsTable>) -> String {
    let means = |table: &SettingsTable| match table {
        SettingsTable::Registry => {
            "[registry] (only this machine may be registered, and Consul's clients are not served)"
        }
        SettingsTable::Gateway => "[gateway] (there is none)",
        SettingsTable::Notifications => "[notifications] (all are shown)",
        SettingsTable::Webhook => "[webhook] with a mistake (nothing is sent there)",
        SettingsTable::Security => {
            "[security] (threats are told, and nothing is held or stopped for them)"
        }
        SettingsTable::Ledger => "[ledger] (no checkpoint is kept elsewhere)",
    };
    let all: Vec<_> = tables.iter().map(means).collect();
    match all.as_slice() {
        [] => "Everything else is used".to_owned(),
        all => format!("Not used until that is mended: {}", all.join(", ")),
    }
}

/// The bytes of a file, one more than the limit at most: who reads them says that it is too large. `None` where there
/// is none.
pub(crate) fn bytes(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        // Opening a pipe would wait for somebody to write into it.
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no file")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Home;

    fn home() -> (Home, impl Fn(&str) -> Held) {
        let home = Home::new();
        let layout = Layout::new(home.path());
        let write = move |text: &str| {
            std::fs::write(layout.settings(), text).unwrap();
            read(&layout)
        };
        (home, write)
    }

    #[test]
    fn a_table_with_a_mistake_is_not_used_and_what_is_wrong_is_said_with_its_place() {
        let (_home, write) = home();
        let held = write("[registry]\nallow = [\"10.1.0.0/16\"]\n");
        assert_eq!((held.settings.allow.len(), held.said), (1, None));
        let held = write(
            "[registry]\nallow = [\"10.1.0.0/16\", \"example.com\"]\n[webhook.a]\nurl = \"https://example.com\"\n\
             [gatway]\nenabled = false\n",
        );
        assert_eq!(held.settings.allow.len(), 0, "nothing of a broken table");
        assert_eq!(held.settings.webhooks.len(), 1);
        assert!(held.all_webhooks && !held.settings.gateway.enabled);
        let said = held.said.unwrap();
        for words in [
            "settings.toml:2:25: `example.com` is not a network",
            "settings.toml:5:2: settings.toml has no key `gatway` (did you mean `gateway`?)",
            "Not used until that is mended: [registry] (",
            ", [gateway] (there is none)",
        ] {
            assert!(said.contains(words), "{said}");
        }
        let held = write("[registry]\nallow = [\"a\", \"b\", \"c\", \"d\"]\n");
        assert!(held.said.unwrap().contains("; and 1 more. Not used"));
        assert!(!write("[webhook.a]\nurl = 7\n").all_webhooks);
    }

    #[test]
    fn what_cannot_be_read_at_all_opens_nothing() {
        let home = Home::new();
        let layout = Layout::new(home.path());
        let held = read(&layout);
        assert_eq!((held.settings, held.said), (Settings::default(), None));
        std::fs::create_dir(layout.settings()).unwrap();
        let held = read(&layout);
        assert_eq!(held.settings, Settings::closed());
        assert!(held.said.unwrap().contains("it is no file"));
        assert!(!held.all_webhooks);
    }
}
