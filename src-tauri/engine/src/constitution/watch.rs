//! Looks whether the home's rules have changed, and has them read again.

use super::Reread;
use crate::shared::Shared;
use model::EventKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks, each one question to the file system. A change is believed when the next look finds the
/// same: an editor may write a file in several steps.
const LOOK: Duration = Duration::from_millis(500);

/// What tells one state of a file from another: which file, how long, and when it was changed.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

/// Looks for as long as the engine runs.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let (mut read, mut last) = (None, None);
    loop {
        let file = shared.constitution.file.clone();
        // A disk of the network's may not answer at once.
        let seen = tokio::task::spawn_blocking(move || stamp(&file)).await;
        if let Ok(seen) = seen {
            let now = Some(seen);
            // The first look reads, too: it may have changed since the engine began to start.
            if last == now && read != now {
                read = now;
                let again = Arc::clone(&shared);
                if let Ok(reread) =
                    tokio::task::spawn_blocking(move || again.constitution.reread()).await
                {
                    say(&shared, reread);
                }
            }
            last = now;
        }
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Says at the start of an engine that its home's rules cannot be read.
pub(crate) fn say_at_start(shared: &Shared) {
    show(shared);
    if let Some(text) = shared.constitution.wrong() {
        shared.journal.event(None, EventKind::RulesAlarm { text });
    }
}

fn stamp(file: &Path) -> Stamp {
    let found = std::fs::metadata(file).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.size(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ))
}

/// Tells what became of it, and keeps `status` as it is.
fn say(shared: &Shared, reread: Reread) {
    let what = match reread {
        Reread::Same | Reread::StillWrong => return,
        Reread::Other(_, true) => EventKind::Notice {
            text: "the built-in rules of who may do what hold in this home now".to_owned(),
        },
        Reread::Other(count, false) => {
            let rules = if count == 1 {
                "1 rule".to_owned()
            } else {
                format!("{count} rules")
            };
            EventKind::Notice {
                text: format!("constitution.cedar was read again: {rules} hold in this home now"),
            }
        }
        Reread::Wrong(wrong) => {
            tracing::error!("{wrong}");
            EventKind::RulesAlarm {
                text: shared.constitution.wrong().unwrap_or(wrong),
            }
        }
    };
    show(shared);
    shared.journal.event(None, what);
}

/// What is wrong with the rules is among what this engine cannot promise, for as long as it is so.
fn show(shared: &Shared) {
    let wrong = shared.constitution.wrong();
    shared.picture.set_engine(|view| {
        view.limits.retain(|limit| !limit.starts_with(SAID));
        view.limits
            .extend(wrong.map(|wrong| format!("{SAID}{wrong}")));
    });
}

/// With what that begins.
const SAID: &str = "constitution.cedar: ";
