//! The table of what is supported: complete, and the same in the documentation.

use formats::compose::{Support, support, support_page};
use std::collections::BTreeSet;
use std::path::Path;

/// The properties of the specification, of its schema of July 2026, with `pre_start`, which its text has.
const PROPERTIES: &str = include_str!("properties.txt");

#[test]
fn every_property_of_the_specification_is_in_the_table() {
    let known: BTreeSet<&str> = support().map(|(name, _)| name).collect();
    assert_eq!(known.len(), support().count(), "a property is there twice");
    let all: BTreeSet<&str> = PROPERTIES.lines().collect();
    let missing: Vec<&&str> = all.difference(&known).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
    let strange: Vec<&&str> = known.difference(&all).collect();
    assert!(strange.is_empty(), "no property: {strange:?}");
}

#[test]
fn every_row_says_how_or_why_not() {
    for (name, support) in support() {
        let (Support::Honoured(says) | Support::Passed(says) | Support::Named(says)) = support;
        assert!(says.len() > 5, "{name}");
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "compares a file of the repository, and writes it when asked"
)]
fn the_page_shows_the_table() {
    const BEGIN: &str = "<!-- support -->\n";
    const END: &str = "<!-- end of support -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compose.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    if table == support_page() {
        return;
    }
    if std::env::var_os("AZORA_BLESS").is_some() {
        std::fs::write(
            &path,
            format!("{before}{BEGIN}{}{END}{after}", support_page()),
        )
        .unwrap();
    } else {
        panic!("docs/compose.md is old: AZORA_BLESS=1 cargo test -p formats --test compose");
    }
}
