//! A definition that is wrong says where and what would be right, and starts nothing.

use tests::{Azora, Folder};

#[test]
fn a_broken_definition_is_shown_with_line_and_caret_and_has_an_exit_code_of_its_own() {
    let folder = Folder::with(
        "[cluster]\nname = \"shop\"\n\n[service.api]\nrun = \"true\"\nneeds = [\"dv\"]\n\n[service.db]\nrunn = \"true\"\n",
    );
    let azora = Azora::new();
    for words in [&["check", "."][..], &["up", ".", "--detach", "--trust"]] {
        let done = azora.run(folder.path(), words);
        assert_eq!(done.code, 4, "{words:?}: {done:?}");
        let said = format!("{}{}", done.out, done.err);
        assert!(
            said.contains("azora.toml") && said.contains('6'),
            "the file and the line: {said}"
        );
        assert!(
            said.contains('^') || said.contains('─') || said.contains('┬'),
            "a caret: {said}"
        );
        assert!(
            said.contains("db") && said.contains("run"),
            "what would be right: {said}"
        );
    }
    assert_eq!(azora.left(), [] as [String; 0]);
}

#[test]
fn a_good_one_passes_and_a_missing_one_is_said_to_be_missing() {
    let azora = Azora::new();
    let good = Folder::with(tests::folder::SMALL);
    assert_eq!(azora.run(good.path(), &["check", "."]).code, 0);
    let done = azora.run(Folder::empty().path(), &["check", "."]);
    assert_ne!(done.code, 0);
    assert!(
        format!("{}{}", done.out, done.err).contains("azora.toml"),
        "{done:?}"
    );
}

#[test]
fn every_example_is_a_good_definition() {
    let azora = Azora::new();
    let examples = std::fs::read_dir(tests::root().join("examples")).expect("there are examples");
    let mut seen = 0;
    for example in examples
        .flatten()
        .filter(|entry| entry.path().join("azora.toml").exists())
    {
        let done = azora.run(&example.path(), &["check", "."]);
        assert_eq!(done.code, 0, "{}: {done:?}", example.path().display());
        seen += 1;
    }
    assert!(seen >= 2, "the demo and the real stack");
}
