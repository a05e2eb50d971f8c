//! A project as a whole: its name, its resources, its profiles, and what is said of it.

use crate::{at, notes, project, read_with, refused, settings, wanted};
use formats::compose::{Given, Settings};

#[test]
fn a_name_comes_from_whoever_says_it_first() {
    let named = |text: &str, env: &str, more: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        more(&mut settings);
        let tree = [("compose.yaml", text), (".env", env)];
        read_with(&tree, settings).unwrap().name
    };
    let (plain, own) = (
        "services: {a: {image: x}}",
        "name: Own-${SET}\nservices: {a: {image: x}}",
    );
    let none = |_: &mut Settings| {};
    assert_eq!(named(plain, "", &none), "shop");
    assert_eq!(named(own, "", &none), "own-set");
    assert_eq!(named(own, "COMPOSE_PROJECT_NAME=env\n", &none), "env");
    let person = |settings: &mut Settings| settings.name = Some("Me & You".to_owned());
    assert_eq!(named(own, "COMPOSE_PROJECT_NAME=env\n", &person), "meyou");
    let strange = |settings: &mut Settings| settings.folder_name = "__ÄÖ".to_owned();
    assert_eq!(named(plain, "", &strange), "project");
    let with_name = "services: {a: {image: \"$COMPOSE_PROJECT_NAME\"}}";
    let tree = [("compose.yaml", with_name)];
    assert_eq!(at(&project(&tree), "services.a.image"), wanted(r#""shop""#));
}

#[test]
fn resources_are_named_after_the_project_unless_they_are_there() {
    let text = "services: {a: {image: x}}
networks:
  own: {internal: true, driver_opts: {a: 1}, enable_ipv6: 'true'}
  named: {name: this}
  theirs: {external: true}
  old: {external: {name: that}}
volumes: {v: , w: {external: true, name: other}}
secrets:
  file: {file: ./key.txt}
  variable: {environment: KEY}
  external: {external: true}
configs: {inline: {content: \"a: $SET\"}}
";
    let project = project(&[("compose.yaml", text)]);
    assert_eq!(
        at(&project, "networks"),
        wanted(
            r#"{"default": {"name": "shop_default"},
                "own": {"name": "shop_own", "internal": true, "driver_opts": {"a": "1"}, "enable_ipv6": true},
                "named": {"name": "this"}, "theirs": {"name": "theirs", "external": true},
                "old": {"name": "that", "external": true}}"#
        )
    );
    assert_eq!(
        at(&project, "volumes"),
        wanted(r#"{"v": {"name": "shop_v"}, "w": {"name": "other", "external": true}}"#)
    );
    assert_eq!(project.secrets["file"], Given::File("key.txt".into()));
    assert_eq!(
        project.secrets["variable"],
        Given::Environment("KEY".into())
    );
    assert_eq!(
        project.secrets["external"],
        Given::External("external".into())
    );
    assert_eq!(project.configs["inline"], Given::Content("a: set".into()));
}

#[test]
fn profiles_choose_services() {
    let text = "services:
  web: {image: x, depends_on: {debug: {condition: service_started, required: false}}}
  debug: {image: x, profiles: [debug]}
  test: {image: x, profiles: [test, ci], depends_on: [web]}
";
    let with = |profiles: &[&str], env: &str| {
        let profiles = profiles.iter().map(|it| (*it).to_owned()).collect();
        let project = read_with(
            &[("compose.yaml", text), (".env", env)],
            Settings {
                profiles,
                ..settings()
            },
        )
        .unwrap();
        let names: Vec<String> = project.services.keys().cloned().collect();
        assert_eq!(project.disabled.len() + names.len(), 3);
        names.join(" ")
    };
    assert_eq!(with(&[], ""), "web");
    assert_eq!(with(&["debug"], ""), "debug web");
    assert_eq!(with(&["ci"], ""), "test web");
    assert_eq!(with(&["*"], ""), "debug test web");
    assert_eq!(
        with(&[], "COMPOSE_PROFILES=debug, test\n"),
        "debug test web"
    );
    let needed = project(&[(
        "compose.yaml",
        "services: {a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}",
    )]);
    assert_eq!(
        notes(&needed),
        ["compose.yaml:1: b is started with a, whatever its profiles, because it is needed"]
    );
    assert!(needed.services["a"].depends_on.contains_key("b"));
    // What is wrong with one that is not wanted is wrong all the same.
    let said = refused(&[(
        "compose.yaml",
        "services: {a: {image: x}, b: {image: x, profiles: [p], volumes: ['v:/v'], depends_on: [c]}}",
    )]);
    assert!(said.contains("`v`") && said.contains("`c`"), "{said}");
}

#[test]
fn what_is_not_supported_is_said_with_its_line_and_never_dropped() {
    let text = "version: '3.8'
x-own: {anything: [1]}
services:
  web:
    image: x
    attach: false
    logging: {driver: syslog, options: {a: b}}
    deploy:
      placement: {constraints: [a]}
    x-more: 1
    user: $NOBODY
";
    let project = project(&[("compose.yaml", text)]);
    assert_eq!(
        notes(&project),
        [
            "compose.yaml:1: `version` is not supported: it has no meaning any more",
            "compose.yaml:6: `services.web.attach` is not supported: output is kept in logs and shown from there",
            "compose.yaml:7: `services.web.logging` is not supported: output is kept in logs and shown from there",
            "compose.yaml:9: `services.web.deploy.placement` is not supported: for a swarm",
            "compose.yaml:11: the variable `NOBODY` is not set: nothing stands for it",
        ]
    );
}

#[test]
fn what_is_not_defined_is_shown_where_it_is_named() {
    let said = refused(&[(
        "compose.yaml",
        "services:
  web:
    image: x
    depends_on:
      - gone
    networks:
      - nowhere
    volumes:
      - nothing:/a
    secrets:
      - nobody
",
    )]);
    for (line, what) in [
        (5, "`gone`"),
        (7, "`nowhere`"),
        (9, "`nothing`"),
        (11, "`nobody`"),
    ] {
        assert!(
            said.contains(&format!("compose.yaml:{line}:9")),
            "{line}: {said}"
        );
        assert!(said.contains(what), "{what}: {said}");
    }
}

#[test]
fn a_service_for_another_program_is_said_and_not_refused() {
    let text = "services: {db: {provider: {type: awesomecloud, options: {a: b}}}}";
    let project = project(&[("compose.yaml", text)]);
    assert_eq!(
        project.services["db"].provider.as_deref(),
        Some("awesomecloud")
    );
    assert!(notes(&project)[0].contains("`services.db.provider` is not supported"));
}

#[test]
fn a_project_that_is_none_is_refused() {
    for (text, wanted) in [
        ("", "no service is defined"),
        ("services: {}", "no service is defined"),
        ("services:", "no service is defined"),
        ("[a]", "the file is a list"),
        ("text", "the file is `text`"),
        ("services: [a]", "services is a list"),
        ("services: {a: }", "has neither an image nor a build"),
        ("services: {a: x}", "services.a is `x`"),
        ("services: {x-a: {imag: x}}", "did you mean `image`?"),
        ("services: {a/b: {image: x}}", "is no name of a service"),
        ("service: {a: {image: x}}", "did you mean `services`?"),
        (
            "services: {a: {image: x}}\nsecrets: {s: {}}",
            "has to say once where it comes from",
        ),
        (
            "services: {a: {image: x}}\nconfigs: {s: {file: a, content: b}}",
            "has to say once where it comes from",
        ),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, links: [c]}, c: {image: x, pid: 'service:a'}}",
            "in a circle: a → b → c → a",
        ),
    ] {
        let said = refused(&[("compose.yaml", text)]);
        assert!(said.contains(wanted), "{text}: {said}");
    }
}

#[test]
fn a_mistake_is_shown_in_the_file_that_has_it() {
    let said = refused(&[
        ("compose.yaml", "services: {web: {image: x}}"),
        (
            "compose.override.yaml",
            "services:\n  web:\n    ports: [abc]\n",
        ),
        (".env", "A='\n"),
    ]);
    assert!(said.contains("compose.override.yaml:3:13"), "{said}");
    assert!(said.contains(".env:1"), "{said}");
}
