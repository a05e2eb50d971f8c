//! Every file in `tests/scenarios`, against its snapshot.

use crate::scenario;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the crate is pure; its scenarios are files"
)]
fn scenarios() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 25, "only {} scenarios found", files.len());
    let number = |file: &Path| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        name.split('-').next().unwrap().to_owned()
    };
    let numbers: BTreeSet<String> = files.iter().map(|file| number(file)).collect();
    assert_eq!(numbers.len(), files.len(), "two scenarios have one number");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in files {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&file).unwrap();
            insta::assert_snapshot!(name, scenario::run(&text));
        }
    });
}
