//! Which files a service's `watch` means.
//!
//! Patterns are those of a `.gitignore`: the last that matches counts, and `!` leaves out. One
//! without wildcards is a path from the cluster's folder, and means all below when it is a folder.
//! Beside them four things leave a file out: it lies in a folder that
//! nobody edits by hand ([`FOLDERS`]), it is what an editor writes for itself ([`TEMPORARY`]), a
//! `.gitignore` says so, or it is in the home of Azora. None of these applies to the part of a path
//! that a pattern writes out: `target/debug/server` is watched although `target` is not.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use spec::FileWatch;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Folders of tools and packages: large, and never what a person edits.
const FOLDERS: [&str; 12] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    "node_modules",
    "target",
    "__pycache__",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".idea",
    ".azora",
];

/// The name of git's files.
pub(crate) const GITIGNORE: &str = ".gitignore";
/// Longest `.gitignore` that is read, in bytes.
const MAX_GITIGNORE: u64 = 1 << 20;
/// Most folders whose `.gitignore` is remembered.
const MAX_REMEMBERED: usize = 20_000;

/// The meaning of one service's `watch`.
#[derive(Debug)]
pub(crate) struct Pattern {
    wanted: Gitignore,
    bases: Vec<Base>,
    gitignore: bool,
}

/// The part of a pattern that has no wildcards, and how far below it the rest can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Base {
    written: PathBuf,
    /// Further than to what lies directly in it.
    deep: bool,
}

impl Pattern {
    /// Of patterns that `spec` has checked. One that the matcher does not take all the same matches
    /// nothing.
    pub(crate) fn new(watch: &FileWatch) -> Self {
        let mut builder = GitignoreBuilder::new("");
        for path in &watch.paths {
            if let Err(error) = builder.add_line(None, &tied(path)) {
                tracing::warn!(path, %error, "a pattern matches nothing");
            }
        }
        let wanted = builder.build().unwrap_or_else(|_| Gitignore::empty());
        let positive = watch.paths.iter().filter(|path| !path.starts_with('!'));
        Self {
            wanted,
            bases: positive.map(|path| base(path)).collect(),
            gitignore: watch.gitignore,
        }
    }

    /// Whether a change of this file is meant, when nothing leaves it out.
    pub(crate) fn wants(&self, file: &Path, is_dir: bool) -> bool {
        relative(file)
            && self
                .wanted
                .matched_path_or_any_parents(file, is_dir)
                .is_ignore()
    }

    /// Whether something that is meant may lie directly in this folder, or appear there.
    pub(crate) fn looks_into(&self, folder: &Path) -> bool {
        self.bases.iter().any(|base| {
            base.written.starts_with(folder) || (base.deep && folder.starts_with(&base.written))
        })
    }

    /// How many parts of a path are written out by a pattern.
    fn written(&self, path: &Path) -> usize {
        self.bases
            .iter()
            .map(|base| {
                let same = base.written.components().zip(path.components());
                let length = same.take_while(|(a, b)| a == b).count();
                match path.starts_with(&base.written) || base.written.starts_with(path) {
                    true => length,
                    false => 0,
                }
            })
            .max()
            .unwrap_or(0)
    }

    /// Whether something leaves this path out.
    pub(crate) fn left_out(&self, path: &Path, is_dir: bool, rules: &mut Rules) -> bool {
        let parts: Vec<Component> = path.components().collect();
        let first = self.written(path);
        (first..parts.len()).any(|at| {
            let part: PathBuf = parts.iter().take(at + 1).collect();
            let is_dir = is_dir || at + 1 < parts.len();
            by_name(&part, is_dir) || (self.gitignore && rules.ignore(&part, is_dir))
        })
    }
}

fn relative(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

fn plain(part: &str) -> bool {
    !part.contains(['*', '?', '[', '{'])
}

/// A pattern as git reads it: a path without wildcards is tied to the folder by a leading slash.
fn tied(pattern: &str) -> String {
    let (not, path) = match pattern.strip_prefix('!') {
        Some(path) => ("!", path),
        None => ("", pattern),
    };
    let slash = if plain(path) { "/" } else { "" };
    format!("{not}{slash}{path}")
}

/// The part of a pattern without wildcards.
fn base(pattern: &str) -> Base {
    let mut written = PathBuf::new();
    let mut parts = pattern
        .split('/')
        .filter(|part| !part.is_empty())
        .peekable();
    while let Some(part) = parts.next_if(|part| plain(part)) {
        written.push(part);
    }
    let rest: Vec<&str> = parts.collect();
    let deep = match rest[..] {
        // Written out whole: it may be a folder, and then means all that is in it.
        [] => true,
        // `*.js` means files of any folder, `src/*.js` those of one.
        [last] => last == "**" || !pattern.contains('/'),
        _ => true,
    };
    Base { written, deep }
}

/// What nobody edits by hand.
fn by_name(path: &Path, is_dir: bool) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    match is_dir {
        true => FOLDERS.contains(&name),
        false => temporary(name),
    }
}

/// What editors write beside a file while they save it: vim's swap files, its backup and the file
/// it tries a folder with; emacs' locks and autosaves; those of JetBrains, Kate and GNOME; and what
/// a desktop leaves behind.
fn temporary(name: &str) -> bool {
    let swap = name.starts_with('.')
        && name
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.len() == 3 && end.starts_with("sw"));
    swap || name.ends_with('~')
        || name == "4913"
        || name.starts_with(".#")
        || (name.starts_with('#') && name.ends_with('#'))
        || name.ends_with("___jb_tmp___")
        || name.ends_with("___jb_old___")
        || name.ends_with(".kate-swp")
        || name.starts_with(".goutputstream-")
        || name == ".DS_Store"
}

/// The `.gitignore` files of one folder, read when they are needed.
#[derive(Debug)]
pub(crate) struct Rules {
    root: PathBuf,
    read: BTreeMap<PathBuf, Option<Gitignore>>,
}

impl Rules {
    /// Those below `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            read: BTreeMap::new(),
        }
    }

    /// One of them has changed: all are read again when they are needed.
    pub(crate) fn forget(&mut self) {
        self.read.clear();
    }

    /// Whether one of them leaves out this path, which is relative to the root. The nearest that
    /// says anything counts.
    fn ignore(&mut self, path: &Path, is_dir: bool) -> bool {
        for folder in path.ancestors().skip(1) {
            let Some(rules) = self.of(folder) else {
                continue;
            };
            let below = path.strip_prefix(folder).unwrap_or(path);
            match rules.matched(below, is_dir) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }

    fn of(&mut self, folder: &Path) -> Option<&Gitignore> {
        if self.read.len() > MAX_REMEMBERED {
            self.read.clear();
        }
        let root = &self.root;
        self.read
            .entry(folder.to_owned())
            .or_insert_with(|| read(&root.join(folder).join(GITIGNORE)))
            .as_ref()
    }
}

fn read(path: &Path) -> Option<Gitignore> {
    let found = std::fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() > MAX_GITIGNORE {
        return None;
    }
    let text = std::fs::read(path).ok()?;
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(&text).lines() {
        // A line that is no pattern says nothing, as for git.
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pattern(paths: &[&str]) -> Pattern {
        Pattern::new(&FileWatch {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            debounce: Duration::from_millis(200),
            gitignore: true,
        })
    }

    fn wants(paths: &[&str], file: &str) -> bool {
        pattern(paths).wants(Path::new(file), false)
    }

    #[test]
    fn patterns_mean_what_they_mean_to_git() {
        for (paths, file, wanted) in [
            (&["src/**"][..], "src/a.js", true),
            (&["src/**"], "src/deep/er/a.js", true),
            (&["src/**"], "lib/src/a.js", false),
            (&["src"], "src/deep/a.js", true),
            (&["src/"], "src/a.js", true),
            (&["src"], "lib/src/a.js", false),
            (&["server.js"], "server.js", true),
            (&["server.js"], "lib/server.js", false),
            (&["*.js"], "any/where/a.js", true),
            (&["*.js"], "a.ts", false),
            (&["/*.js"], "a.js", true),
            (&["/*.js"], "any/a.js", false),
            (&["src/*.js"], "src/deep/a.js", false),
            (
                &["src/**", "!src/generated/**"],
                "src/generated/a.js",
                false,
            ),
            (&["src/**", "!src/generated/**"], "src/a.js", true),
            (&["src/**", "!**/*.test.js"], "src/a.test.js", false),
            (&["src/**", "!*.md", "src/README.md"], "src/README.md", true),
            (&["config/app.toml"], "config/app.toml", true),
            (&["config/app.toml"], "config/app.toml.bak", false),
            (&["{a,b}/**"], "b/x", true),
            (&["target/debug/server"], "target/debug/server", true),
        ] {
            assert_eq!(wants(paths, file), wanted, "{paths:?} {file}");
        }
        assert!(!pattern(&["**"]).wants(Path::new("../x"), false));
        assert!(!pattern(&["**"]).wants(Path::new("/etc/passwd"), false));
    }

    #[test]
    fn only_folders_in_which_something_can_be_meant_are_looked_into() {
        for (paths, folder, into) in [
            (&["src/**"][..], "", true),
            (&["src/**"], "src", true),
            (&["src/**"], "src/deep", true),
            (&["src/**"], "lib", false),
            (&["src/*.js"], "src", true),
            (&["src/*.js"], "src/deep", false),
            (&["src/*/x.js"], "src/deep", true),
            (&["*.js"], "any/where", true),
            (&["/*.js"], "", true),
            (&["/*.js"], "any", false),
            (&["config/app.toml"], "config", true),
            (&["config/app.toml"], "other", false),
            (&["src"], "src/deep", true),
            (&["server.js"], "lib", false),
            (&["**"], "any/where", true),
        ] {
            let found = pattern(paths).looks_into(Path::new(folder));
            assert_eq!(found, into, "{paths:?} {folder:?}");
        }
    }

    #[test]
    fn what_nobody_edits_is_left_out_unless_a_pattern_writes_it_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("web/dist")).unwrap();
        std::fs::write(folder.path().join(GITIGNORE), "*.log\n/gen/\n!keep.log\n").unwrap();
        std::fs::write(
            folder.path().join("web").join(GITIGNORE),
            "dist\n!loud.log\n",
        )
        .unwrap();
        let mut rules = Rules::new(folder.path());
        for (paths, file, out) in [
            (&["**"][..], "a.js", false),
            (&["**"], "node_modules/x/a.js", true),
            (&["**"], "deep/target/debug/a", true),
            (&["**"], ".git/HEAD", true),
            (&["**"], "a.log", true),
            (&["**"], "keep.log", false),
            (&["**"], "gen/a.js", true),
            (&["**"], "deep/gen/a.js", false),
            (&["**"], "web/dist/a.js", true),
            (&["**"], "web/loud.log", false),
            (&["**"], "dist/a.js", false),
            (&["gen/**"], "gen/a.js", false),
            (&["gen/**"], "gen/a.log", true),
            (&["target/debug/server"], "target/debug/server", false),
            (&["target/debug/server"], "target/debug/other", true),
            (&["web/dist"], "web/dist/a.js", false),
            (&["**"], "src/.a.js.swp", true),
            (&["**"], "src/.a.js.swx", true),
            (&["**"], "src/a.js~", true),
            (&["**"], "src/4913", true),
            (&["**"], "src/.#a.js", true),
            (&["**"], "src/#a.js#", true),
            (&["**"], "src/a.js___jb_tmp___", true),
            (&["**"], "src/.env", false),
        ] {
            let found = pattern(paths).left_out(Path::new(file), false, &mut rules);
            assert_eq!(found, out, "{paths:?} {file}");
        }
        // Who wants what git does not says so.
        let mut all = pattern(&["**"]);
        all.gitignore = false;
        assert!(!all.left_out(Path::new("a.log"), false, &mut rules));
        assert!(all.left_out(Path::new("node_modules/a.js"), false, &mut rules));
        // Rules are read again when they have changed.
        std::fs::write(folder.path().join(GITIGNORE), "").unwrap();
        let all = pattern(&["**"]);
        assert!(all.left_out(Path::new("a.log"), false, &mut rules));
        rules.forget();
        assert!(!all.left_out(Path::new("a.log"), false, &mut rules));
    }
}
