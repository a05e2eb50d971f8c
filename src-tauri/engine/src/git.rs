//! Where a folder stands in git, read from what git keeps: a few small files, no program is run. Called when
//! a person looks at a folder; tells several working trees of one project apart. Refuses to be more than
//! that: what cannot be read is as if there were no git.

use model::view::GitView;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// No path is as deep.
const MAX_DEPTH: usize = 64;
/// `HEAD` and the `.git` of a linked working tree are one line.
const MAX_BYTES: u64 = 4_096;
/// So much of a commit tells it from others, as git shortens it.
const SHORT: usize = 7;
/// A branch's name is shown up to here, in characters.
const MAX_NAME: usize = 120;

/// What is checked out where `folder` is; `None` where there is no git, or it cannot be read.
pub(crate) fn of(folder: &Path) -> Option<GitView> {
    let git = folder
        .ancestors()
        .take(MAX_DEPTH)
        .map(|each| each.join(".git"))
        .find(|each| each.exists())?;
    let kept = directory(git)?;
    let head = line(&kept.join("HEAD"))?;
    let name = match head.strip_prefix("ref: ") {
        Some(name) => name.strip_prefix("refs/heads/").unwrap_or(name),
        None if head.len() >= SHORT && head.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            &head[..SHORT]
        }
        None => return None,
    };
    if name.is_empty() || name.chars().any(char::is_control) {
        return None;
    }
    Some(GitView {
        branch: name.chars().take(MAX_NAME).collect(),
        worktree_of: repository(&kept),
    })
}

/// The folder git keeps things in: `.git` itself, or where the file `.git` of a linked working tree leads.
fn directory(git: PathBuf) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git);
    }
    let to = line(&git)?.strip_prefix("gitdir: ")?.to_owned();
    git.parent()?.join(to).canonicalize().ok()
}

/// What a linked working tree is one of: git keeps it in `worktrees/NAME` of the repository. A submodule
/// keeps its own elsewhere.
fn repository(kept: &Path) -> Option<String> {
    let all = kept.parent()?;
    if all.file_name()? != "worktrees" {
        return None;
    }
    let shared = all.parent()?;
    let main = if shared.file_name()? == ".git" {
        shared.parent()?
    } else {
        shared
    };
    Some(main.display().to_string())
}

/// The only line of a small file. A pipe or a device is not waited for.
fn line(file: &Path) -> Option<String> {
    fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    let mut text = String::new();
    File::open(file)
        .ok()?
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    Some(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(folder: &Path) -> Option<String> {
        of(folder).map(|git| git.branch)
    }

    #[test]
    fn a_branch_is_read_in_the_tree_below_it_and_in_a_linked_one() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let (main, linked) = (home.join("main"), home.join("linked"));
        let inner = main.join("services/api");
        fs::create_dir_all(main.join(".git/worktrees/linked")).unwrap();
        fs::create_dir_all(&inner).unwrap();
        fs::create_dir_all(&linked).unwrap();
        assert_eq!(of(&inner), None, "there is no HEAD");
        fs::write(main.join(".git/HEAD"), "ref: refs/heads/feature/cart\n").unwrap();
        let whole = GitView {
            branch: "feature/cart".into(),
            worktree_of: None,
        };
        assert_eq!(of(&inner), Some(whole));
        assert_eq!(of(&linked), None);
        fs::write(
            linked.join(".git"),
            "gitdir: ../main/.git/worktrees/linked\n",
        )
        .unwrap();
        let head = main.join(".git/worktrees/linked/HEAD");
        fs::write(&head, "0123456789abcdef0123456789abcdef01234567\n").unwrap();
        let part = GitView {
            branch: "0123456".into(),
            worktree_of: Some(main.display().to_string()),
        };
        assert_eq!(of(&linked), Some(part));
    }

    #[test]
    fn a_submodule_is_no_worktree_and_a_bare_repository_has_some() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        for (folder, kept) in [
            ("sub", ".git/modules/sub"),
            ("tree", "repo.git/worktrees/tree"),
        ] {
            fs::create_dir_all(home.join(folder)).unwrap();
            fs::create_dir_all(home.join(kept)).unwrap();
            fs::write(home.join(folder).join(".git"), format!("gitdir: ../{kept}")).unwrap();
            fs::write(home.join(kept).join("HEAD"), "ref: refs/heads/main").unwrap();
        }
        assert_eq!(of(&home.join("sub")).unwrap().worktree_of, None);
        let bare = home.join("repo.git").display().to_string();
        assert_eq!(of(&home.join("tree")).unwrap().worktree_of, Some(bare));
    }

    #[test]
    fn what_is_no_head_is_no_branch() {
        let home = tempfile::tempdir().unwrap();
        let git = home.path().join(".git");
        fs::create_dir(&git).unwrap();
        for text in [
            "",
            "ref: ",
            "ref: refs/heads/\u{1b}[2J",
            "nonsense",
            "\u{fe0f}",
        ] {
            fs::write(git.join("HEAD"), text).unwrap();
            assert_eq!(branch(home.path()), None, "{text:?}");
        }
        fs::write(git.join("HEAD"), [0xff, 0xfe]).unwrap();
        assert_eq!(branch(home.path()), None);
        let long = format!("ref: refs/heads/{}", "n".repeat(9_000));
        fs::write(git.join("HEAD"), long).unwrap();
        assert_eq!(branch(home.path()).map(|name| name.len()), Some(MAX_NAME));
    }
}
