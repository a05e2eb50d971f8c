//! `azora policy`: rules are shown, checked, asked and tested without an engine.

use super::{json, run};
use std::fs;
use testkit::Home;

const DEFINITION: &str =
    "[cluster]\nname = \"shop\"\n\n[service.db]\nrun = \"sleep 9\"\nprotected = true\n";

fn project() -> (Home, String) {
    let home = Home::new();
    let folder = home.path().join("project");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("azora.toml"), DEFINITION).unwrap();
    (home, folder.to_str().unwrap().to_owned())
}

#[test]
fn a_broken_file_is_told_with_its_place_and_no_rule_of_it_holds() {
    let (home, at) = project();
    let own = home.path().join("constitution.cedar");
    // What a shell leaves of the file that it is about to fill.
    fs::write(&own, "").unwrap();
    let built_in = run(&home, &["policy", "show", "--built-in"]).out;
    assert!(built_in.contains("@id(\"people-decide\")"), "{built_in}");
    assert_eq!(run(&home, &["policy", "check"]).code, Some(4));

    fs::write(&own, built_in.replace("Person", "Persom")).unwrap();
    for words in [
        &["-C", &at, "policy", "check"][..],
        &["-C", &at, "policy", "explain", "stop", "db"],
    ] {
        let done = run(&home, words);
        assert_eq!(done.code, Some(4), "{words:?}: {}", done.out);
        assert!(done.err.contains("constitution.cedar:"), "{}", done.err);
        assert!(done.err.contains("did you mean `Person`?"), "{}", done.err);
    }
    fs::write(&own, &built_in).unwrap();
    assert_eq!(run(&home, &["policy", "check"]).code, Some(0));

    let absent = run(&home, &["-C", &at, "policy", "check", "nix.cedar"]);
    assert_eq!(absent.code, Some(3), "{}", absent.err);
    // With the bytes that no text has.
    let binary = home.path().join("binary.cedar");
    fs::write(&binary, b"\n\n\xff\xfe\0").unwrap();
    let done = run(&home, &["policy", "check", binary.to_str().unwrap()]);
    assert_eq!(done.code, Some(4));
    assert!(done.err.contains("binary.cedar:3:1"), "{}", done.err);
}

#[test]
fn an_act_is_explained_by_the_rules_of_the_home_and_of_the_project() {
    let (home, at) = project();
    let asked = |words: &[&str]| {
        let words: Vec<&str> = ["-C", &at, "policy", "explain", "--json"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        let said = json(&home, &words);
        let rules = said["rules"].as_array().unwrap().iter();
        let rules: Vec<_> = rules.map(|rule| rule["id"].as_str().unwrap()).collect();
        format!("{} {}", said["verdict"].as_str().unwrap(), rules.join(" "))
    };
    assert_eq!(asked(&["stop", "db"]), "allowed people-decide");
    assert_eq!(
        asked(&["scale", "db", "--as", "healer"]),
        "refused protected-is-for-people"
    );
    assert_eq!(
        asked(&["restart", "db", "--as", "healer"]),
        "allowed healing-heals"
    );
    fs::write(
        format!("{at}/constitution.cedar"),
        "@id(\"keep-db\") @says(\"nobody stops db\")\n\
         forbid (principal, action in Action::\"stop-services\", resource is Service);\n",
    )
    .unwrap();
    assert_eq!(asked(&["stop", "db"]), "refused keep-db");
    assert_eq!(asked(&["emergency-stop"]), "allowed people-decide");
    let verb = run(&home, &["-C", &at, "policy", "explain", "stopp"]);
    assert_eq!(verb.code, Some(2), "{}", verb.err);
    assert!(verb.err.contains("did you mean stop?"), "{}", verb.err);
    let service = run(&home, &["-C", &at, "policy", "explain", "stop", "nix"]);
    assert_eq!(service.code, Some(3), "{}", service.err);
}

#[test]
fn a_table_of_cases_fails_by_its_cases_and_is_refused_by_its_mistakes() {
    let (home, at) = project();
    let test = |cases: &[u8]| {
        fs::write(format!("{at}/cases.toml"), cases).unwrap();
        run(&home, &["-C", &at, "policy", "test", "cases.toml"])
    };
    let case = "[[case]]\nwho = \"agent\"\nverb = \"stop\"\nservice = \"db\"\nexpect = ";
    let good = test(format!("{case}\"needs-approval\"\n").as_bytes());
    assert_eq!((good.code, good.out.as_str()), (Some(0), "ok: 1 case\n"));

    let bad = test(format!("\n{case}\"allowed\"\n").as_bytes());
    assert_eq!(bad.code, Some(1), "{}", bad.err);
    assert!(bad.out.contains("cases.toml:2: agent stop"), "{}", bad.out);
    assert!(bad.out.contains("(rule approval-first)"), "{}", bad.out);

    for (cases, place) in [
        (format!("{case}\"alowed\"\n").as_bytes(), "cases.toml:5:10"),
        (b"\n\n\xff", "cases.toml:3:1"),
        (b"\n\n", "cases.toml:1:1"),
    ] {
        let broken = test(cases);
        assert_eq!(broken.code, Some(4), "{}", broken.out);
        assert!(broken.err.contains(place), "{}", broken.err);
        assert!(broken.err.contains('^'), "{}", broken.err);
    }
}
