//! Which services are brought up when a part of a cluster is asked for.

use super::valid;
use spec::Choice;

const SHOP: &str = r#"
[service.db]
run = "db"
category = "data"

[service.cache]
run = "cache"
category = "data"

[service.api]
run = "api"
needs = ["db", { service = "tracer", required = false }]

[service.web]
run = "web"
needs = ["api"]

[service.tracer]
run = "tracer"
profiles = ["debug"]

[service.inspector]
run = "inspector"
category = "data"
profiles = ["debug", "dev"]
needs = ["shell"]

[service.shell]
run = "shell"
profiles = ["dev"]
"#;

fn asked([services, categories, profiles]: [&[&str]; 3]) -> Choice {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Choice {
        services: own(services),
        categories: own(categories),
        profiles: own(profiles),
    }
}

#[test]
fn what_is_asked_for_comes_with_what_it_needs_and_nothing_else() {
    let shop = valid(SHOP);
    let up = |choice: [&[&str]; 3]| {
        let left = asked(choice).left_out(&shop).unwrap();
        let comes = shop
            .services
            .keys()
            .filter(|name| !left.contains_key(*name));
        comes
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(up([&[], &[], &[]]), "api cache db web");
    assert_eq!(
        up([&[], &[], &["debug"]]),
        "api cache db inspector shell tracer web",
        "what it cannot do without comes whatever its profile"
    );
    assert_eq!(up([&[], &[], &["dev"]]), "api cache db inspector shell web");
    assert_eq!(up([&["web"], &[], &[]]), "api db web");
    assert_eq!(
        up([&["web"], &[], &["debug"]]),
        "api db tracer web",
        "a profile that is asked for counts for what can be done without, too"
    );
    assert_eq!(up([&["shell"], &[], &[]]), "shell", "named is asked for");
    assert_eq!(up([&[], &["data"], &[]]), "cache db");
    assert_eq!(
        up([&["shell"], &["data"], &["debug"]]),
        "cache db inspector shell"
    );
}

#[test]
fn what_rests_says_why_and_what_is_not_there_is_a_mistake() {
    let shop = valid(SHOP);
    let left = asked([&["api"], &[], &[]]).left_out(&shop).unwrap();
    assert_eq!(left["web"], "not asked for");
    assert_eq!(left["tracer"], "not wanted: profile debug");
    assert_eq!(left["inspector"], "not wanted: profiles debug, dev");
    for (choice, said) in [
        (
            [&["aip"][..], &[], &[]],
            "there is no service \"aip\" in this cluster; did you mean \"api\"?",
        ),
        (
            [&[], &["zoo"], &[]],
            "there is no category \"zoo\" in this cluster; there is `data` and `services`",
        ),
        (
            [&[], &[], &["debgu"]],
            "there is no profile \"debgu\" in this cluster; did you mean \"debug\"?",
        ),
    ] {
        let refused = asked(choice).left_out(&shop).unwrap_err();
        assert_eq!(refused.to_string(), said);
    }
    let plain = valid("[service.a]\nrun = \"a\"\n");
    let refused = asked([&[], &[], &["debug"]]).left_out(&plain);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "there is no profile \"debug\" in this cluster; no service of it has a profile"
    );
}

#[test]
fn an_edit_of_profiles_restarts_nothing() {
    let with = |more: &str| valid(&format!("[service.a]\nrun = \"a\"\n{more}\n"));
    let diff = spec::diff(&with(""), &with("profiles = [\"debug\", \"dev\", \"dev\"]"));
    assert_eq!(diff.changed[0].1, ["profiles: none → debug, dev"]);
    assert!(diff.restarts.is_empty());
}
