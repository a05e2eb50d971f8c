//! Every file of `tests/broken` is refused, and what is said about it is its snapshot beside it. Those
//! whose names begin with `project` are a project's.

use policy::Rules;
use std::path::Path;

#[test]
fn each_broken_file_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "cedar"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{} broken files", files.len());

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in &files {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let bytes = std::fs::read(file).unwrap();
            let read = match name.starts_with("project") {
                true => Rules::of_project("constitution.cedar", &bytes),
                false => Rules::of_home("constitution.cedar", &bytes),
            };
            let message = match read {
                Ok(_) => panic!("{name} is in order"),
                Err(problems) => problems.render(100, false),
            };
            for problem in message.split("  × ").skip(1) {
                assert!(
                    problem.contains("─[constitution.cedar:"),
                    "{name}: no place in\n{problem}"
                );
                assert!(problem.contains('^'), "{name}: no caret in\n{problem}");
                assert!(
                    problem.contains("  help: "),
                    "{name}: no remedy in\n{problem}"
                );
            }
            insta::assert_snapshot!(name, message);
        }
    });
}

#[test]
fn the_first_mistake_hides_no_other() {
    let text = "@id(\"A\") permit (principal, action, resource);\n\
                permit (principal, action, resource) whenn { true };\n\
                @id(\"b\") @says(\"b\") forbid (principal is Robot, action, resource);\n";
    let problems = Rules::of_home("x", text.as_bytes()).unwrap_err();
    let lines: Vec<_> = problems
        .problems()
        .iter()
        .map(|one| one.position().0)
        .collect();
    assert_eq!(lines, [1, 1, 2, 3], "{}", problems.render(100, false));
}

#[test]
fn too_much_and_what_is_no_text_is_refused_quickly() {
    let refused = |bytes: &[u8]| Rules::of_home("x", bytes).unwrap_err().render(100, false);
    let rule =
        |n: usize| format!("@id(\"r{n}\") @says(\"x\") forbid (principal, action, resource);\n");
    let many: String = (0..501).map(rule).collect();
    assert!(refused(many.as_bytes()).contains("there are 501 rules"));
    let large = "// x\n".repeat(20_000);
    assert!(refused(large.as_bytes()).contains("larger than 64 KiB"));
    assert!(refused(b"permit \xff").contains("not UTF-8"));
    for deep in ["(", "!", "-", "[", "{a:", "if ", "a.b", "a && "] {
        let text = format!(
            "@id(\"d\") @says(\"d\") forbid (principal, action, resource) when {{ {} }};",
            deep.repeat(60_000 / deep.len())
        );
        refused(text.as_bytes());
    }
    let conditions = [
        format!("{}true{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{}true{}", "(".repeat(29), ")".repeat(29)),
        format!("1{} == 1", "+1".repeat(200)),
        format!("true{}", " && true".repeat(160)),
        format!("context{}", ".a".repeat(200)),
        format!("{}true", "if true then false else ".repeat(80)),
    ];
    for condition in conditions {
        let text = format!(
            "@id(\"d\") @says(\"d\") forbid (principal, action, resource) when {{ {condition} }};"
        );
        // In order or not, it ends, and what is in order can be asked.
        if let Ok(rules) = Rules::of_home("x", text.as_bytes()) {
            let asked = super::chance::Asked::new(&mut super::chance::Dice::new(1));
            let policies = policy::Policies::new(rules, [].into());
            assert!(!policies.decide(&asked.question()).allows());
        }
    }
}

#[test]
fn what_is_built_in_is_in_order() {
    let rules = Rules::built_in();
    assert!(!rules.is_empty());
    assert_eq!(rules.len(), rules.list().count());
    let allows = rules.list().filter(|(.., allows)| *allows).count();
    assert_eq!((rules.len(), allows), (11, 7));
}
