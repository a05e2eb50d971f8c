//! Every file of `tests/broken` is refused, and what is said about it is its snapshot beside it.

use super::refusal;
use std::path::Path;

#[test]
fn each_broken_definition_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    assert!(files.len() >= 40, "{} broken definitions", files.len());

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in &files {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let message = refusal(&std::fs::read(file).unwrap());
            has_place_caret_and_remedy(name, &message);
            insta::assert_snapshot!(name, message);
        }
    });
}

/// What every message has to have, whatever its words are.
pub(crate) fn has_place_caret_and_remedy(name: &str, message: &str) {
    let problems = message.matches("  × ").count();
    assert!(problems > 0, "{name}: no problem in\n{message}");
    for problem in message.split("  × ").skip(1) {
        assert!(
            problem.contains("─[azora.toml:"),
            "{name}: no place in\n{problem}"
        );
        assert!(problem.contains('^'), "{name}: no caret in\n{problem}");
        assert!(
            problem.contains("  help: "),
            "{name}: no remedy in\n{problem}"
        );
    }
}
