//! The environment that services get when they are brought up from the window. An app started from
//! a menu has little of its own: no nvm, no cargo on its PATH. So they get what a terminal would have.

use engine::Handle;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A login shell that has not answered by then has something in its files that waits.
const SHELL: Duration = Duration::from_secs(3);

/// What to hand over with `up`, and with a look at what that would run; `None` where something better is known: what was recorded with the
/// cluster, or, in an app started from a terminal, its own.
pub(crate) async fn for_up(
    engine: &Handle,
    folder: &Path,
    file: Option<String>,
) -> Option<BTreeMap<String, String>> {
    let known = engine
        .look(folder.to_owned(), file, None)
        .await
        .is_ok_and(|folder| folder.known);
    if known || from_a_terminal() {
        return None;
    }
    let asked = tauri::async_runtime::spawn_blocking(|| driver::env::login_shell_env(SHELL)).await;
    let answer = asked.ok().flatten();
    if answer.is_none() {
        tracing::warn!("the login shell said nothing; services get the app's own environment");
    }
    answer
}

/// Terminals say what they are; menus and session managers have no reason to.
fn from_a_terminal() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}
