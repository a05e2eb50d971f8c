//! Git, asked for a moment. `engine` keeps checkpoints of the ledger in a repository of a person's, and `cli` reads them
//! there; what is asked is theirs.
//!
//! It runs where nobody can answer: a question for a password is a failure. Hooks of the repository are not run, nothing
//! is signed with a person's key, and what a git around this process meant by `GIT_…` does not count.

use crate::env;
use crate::exec::{self, Captured, ExecLaunch, ExecOutcome};
use rustix::process::{Resource, getrlimit};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How it is to be, whatever a repository says.
const ALWAYS: [&str; 7] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    // It would be ended with the rest of its group.
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "user.name=Azora",
    "user.email=azora@localhost",
];

/// Runs `git` in a folder, at most this long, and answers what it wrote.
///
/// # Errors
/// What came of it instead.
pub async fn git(
    folder: &Path,
    arguments: &[&str],
    timeout: Duration,
) -> Result<Vec<u8>, ExecOutcome> {
    let Some(folder) = folder.to_str() else {
        let why = format!("{} is no text", folder.display());
        return Err(ExecOutcome::Failed(why));
    };
    let mut argv = vec!["git".to_owned()];
    for setting in ALWAYS {
        argv.extend(["-c".to_owned(), setting.to_owned()]);
    }
    // A share that does not answer holds up git, and not who starts it.
    argv.extend(["-C".to_owned(), folder.to_owned()]);
    argv.extend(arguments.iter().map(|&one| one.to_owned()));
    let launch = ExecLaunch {
        argv,
        cwd: PathBuf::from("/"),
        env: surroundings(),
        user: None,
    };
    let files = getrlimit(Resource::Nofile);
    let most = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    let files = (most(files.current), most(files.maximum));
    let Captured(output) = exec::capture(launch, timeout, files).await?;
    Ok(output)
}

fn surroundings() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut all: BTreeMap<String, String> = env::inherited().filter_map(text).collect();
    all.retain(|name, _| !name.starts_with("GIT_"));
    for (name, value) in [
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ASKPASS", "/bin/false"),
        ("SSH_ASKPASS_REQUIRE", "never"),
        ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        ("LC_ALL", "C"),
    ] {
        all.insert(name.to_owned(), value.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ExitStatus;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn git_answers_in_a_folder_without_hooks_and_says_why_it_does_not() {
        let folder = testkit::Home::new();
        let path = folder.path();
        let no = git(path, &["rev-parse", "--is-inside-work-tree"], LIMIT).await;
        let Err(ExecOutcome::Exit { said, .. }) = no else {
            panic!("{no:?}");
        };
        assert!(said.contains("not a git repository"), "{said}");
        git(path, &["init", "-q"], LIMIT).await.unwrap();
        let hook = path.join(".git/hooks/pre-commit");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&hook, mode).unwrap();
        std::fs::write(path.join("one"), "1\n").unwrap();
        git(path, &["add", "--", "one"], LIMIT).await.unwrap();
        git(path, &["commit", "-q", "-m", "One", "--", "one"], LIMIT)
            .await
            .unwrap();
        let said = git(path, &["log", "--format=%an <%ae> %s"], LIMIT)
            .await
            .unwrap();
        assert_eq!(said, b"Azora <azora@localhost> One\n");
        let none = git(path, &["rev-parse", "-q", "--verify", "HEAD:two"], LIMIT).await;
        let Err(ExecOutcome::Exit { status, .. }) = none else {
            panic!("{none:?}");
        };
        assert_ne!(status, ExitStatus::Code(0));
    }
}
