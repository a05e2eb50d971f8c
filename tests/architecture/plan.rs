//! The plan as `docs/ARCHITECTURE.md` gives it: the table of arrows and the table of fences.

use std::collections::{BTreeMap, BTreeSet};

/// What the plan allows.
pub(crate) struct Plan {
    /// By crate: the crates of ours it may use.
    pub(crate) arrows: BTreeMap<String, BTreeSet<String>>,
    /// By package of others (or a beginning of names, with `*`): the crates that may use it.
    pub(crate) fences: Vec<(String, BTreeSet<String>)>,
}

impl Plan {
    /// Reads the plan of this workspace.
    pub(crate) fn read() -> Self {
        let path = crate::root().join("docs/ARCHITECTURE.md");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("failed to read {}: {error}", path.display()));
        Self::parse(&text)
    }

    /// Reads the two tables under their headings.
    pub(crate) fn parse(text: &str) -> Self {
        let arrows: BTreeMap<_, _> = table(text, "## Arrows").into_iter().collect();
        let fences = table(text, "## Fences");
        assert!(
            arrows.len() > 5,
            "docs/ARCHITECTURE.md has lost its table of arrows"
        );
        assert!(
            fences.len() > 5,
            "docs/ARCHITECTURE.md has lost its table of fences"
        );
        Self { arrows, fences }
    }

    /// The crates that may use a package of others; `None` when it is free to all.
    pub(crate) fn fence(&self, package: &str) -> Option<&BTreeSet<String>> {
        self.fences
            .iter()
            .find(|(name, _)| match name.strip_suffix('*') {
                Some(beginning) => package.starts_with(beginning),
                None => name == package,
            })
            .map(|(_, crates)| crates)
    }
}

/// The rows of the first table after `heading`: first cell, and the names in the second.
fn table(text: &str, heading: &str) -> Vec<(String, BTreeSet<String>)> {
    text.lines()
        .skip_while(|line| line.trim_end() != heading)
        .skip(1)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2) // the head and the rule under it
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let first = cells.next().unwrap_or_default().to_owned();
            let names = cells
                .next()
                .unwrap_or_default()
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty() && *name != "–")
                .map(str::to_owned)
                .collect();
            (first, names)
        })
        .collect()
}
