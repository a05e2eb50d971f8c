//! What a `.dockerignore` leaves out of a build.
//!
//! Patterns are paths from the folder, with `*`, `?`, `[…]` and `**`. What a pattern names is out,
//! and all below it; after a `!` it is in again. The last pattern that says something of a path counts.

use globset::{GlobBuilder, GlobMatcher};
use std::path::Path;

/// Most lines that are read. Docker's own examples have a dozen.
const MOST_PATTERNS: usize = 10_000;

/// The patterns of a file.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// Matches a path itself, or one above it.
    glob: GlobMatcher,
    /// It is in again.
    back: bool,
}

/// A line that is no pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Counted from 1.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) why: String,
}

impl Ignored {
    /// # Errors
    /// The first line that is no pattern.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let mut patterns = Vec::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (back, path) = match line.strip_prefix('!') {
                Some(path) => (true, path.trim_start()),
                None => (false, line),
            };
            let path = cleaned(path);
            if path.is_empty() {
                continue;
            }
            let wrong = |why: String| Wrong {
                line: number + 1,
                why,
            };
            if patterns.len() == MOST_PATTERNS {
                return Err(wrong(format!("it has more than {MOST_PATTERNS} patterns")));
            }
            let glob = GlobBuilder::new(&path)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| wrong(error.kind().to_string()))?
                .compile_matcher();
            patterns.push(Pattern { glob, back });
        }
        Ok(Self { patterns })
    }

    /// True when a path from the folder is left out.
    pub(super) fn has(&self, path: &Path) -> bool {
        let said = self
            .patterns
            .iter()
            .rev()
            .find(|pattern| pattern.says(path));
        said.is_some_and(|pattern| !pattern.back)
    }

    /// True when nothing of a folder that is left out can be in again.
    pub(super) fn is_final(&self) -> bool {
        self.patterns.iter().all(|pattern| !pattern.back)
    }
}

impl Pattern {
    fn says(&self, path: &Path) -> bool {
        path.ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .any(|path| self.glob.is_match(path))
    }
}

/// Without what means nothing: `/a/./b/../c/` is `a/c`.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str, paths: &[&str]) -> Vec<String> {
        let ignored = Ignored::read(text).unwrap();
        let kept = paths.iter().filter(|path| !ignored.has(Path::new(path)));
        kept.map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn patterns_are_paths_from_the_folder() {
        let paths = [
            "a",
            "a/b",
            "c/a",
            "c/a/b",
            "temp1",
            "c/temp2",
            "c/d/temp3",
            "x.md",
            "c/x.md",
        ];
        assert_eq!(left("a\n", &paths)[..2], ["c/a", "c/a/b"]);
        assert_eq!(left("*/temp*\n", &paths).len(), paths.len() - 1);
        assert_eq!(left("**/a\n", &paths)[0], "temp1");
        assert_eq!(left("/c/../temp?/\n", &paths).len(), paths.len() - 1);
        assert_eq!(left("# a\n\n  \n", &paths), paths);
        assert_eq!(left("*", &paths), [""; 0]);
        assert_eq!(left("*.md\n", &paths).last().unwrap(), "c/x.md");
        assert!(!left("**/*.md\n", &paths).contains(&"x.md".to_owned()));
    }

    #[test]
    fn the_last_pattern_counts() {
        let paths = ["README.md", "a.md", "b/c.md"];
        assert_eq!(left("*.md\n!README.md\n", &paths), ["README.md", "b/c.md"]);
        assert_eq!(left("!README.md\n*.md\n", &paths), ["b/c.md"]);
        assert_eq!(left("*\n!b\n", &paths), ["b/c.md"]);
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_line() {
        let wrong = Ignored::read("a\n[z-a]\n").unwrap_err();
        assert_eq!(wrong.line, 2);
        assert!(!wrong.why.is_empty());
    }
}
