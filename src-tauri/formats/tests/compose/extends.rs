//! Services that are laid over others: in other files, in chains, in circles.

use crate::{at, project, refused, wanted};

#[test]
fn chains_end_in_all_of_it() {
    let text = "services:
  base: {image: busybox, user: root, environment: {A: 1}}
  common: {extends: base, image: other, environment: {B: 2}}
  cli: {extends: {service: common}, environment: {A: 3}}
";
    let project = project(&[("compose.yaml", text)]);
    assert_eq!(at(&project, "services.cli.user"), wanted(r#""root""#));
    assert_eq!(at(&project, "services.cli.image"), wanted(r#""other""#));
    assert_eq!(
        at(&project, "services.cli.environment"),
        wanted(r#"{"A": "3", "B": "2"}"#)
    );
    assert_eq!(
        at(&project, "services.base.environment"),
        wanted(r#"{"A": "1"}"#)
    );
}

#[test]
fn paths_begin_at_the_file_that_says_them() {
    let project = project(&[
        (
            "compose.yaml",
            "services: {web: {extends: {file: lib/base.yaml, service: web}, volumes: ['./own:/own']}}",
        ),
        (
            "lib/base.yaml",
            "services:
  web:
    extends: {file: deep/more.yaml, service: web}
    env_file: web.env
    volumes: ['./data:/data', '../up:/up', '/abs:/abs']
",
        ),
        (
            "lib/deep/more.yaml",
            "services: {web: {build: {context: ../src, target: x}, volumes: ['./x:/x']}}",
        ),
        ("lib/web.env", "A=1\n"),
    ]);
    assert_eq!(
        at(&project, "services.web.build"),
        wanted(r#"{"context": "lib/src", "target": "x"}"#)
    );
    let sources: Vec<String> = project.services["web"]
        .volumes
        .iter()
        .map(|mount| match &mount.what {
            formats::compose::Mounted::Bind { source, .. } => source.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(sources, ["lib/deep/x", "lib/data", "up", "/abs", "own"]);
    assert_eq!(
        at(&project, "services.web.environment"),
        wanted(r#"{"A": "1"}"#)
    );
}

#[test]
fn what_is_replaced_in_the_middle_of_a_chain_stays_replaced() {
    let text = "services:
  one: {image: x}
  two: {image: x}
  three: {image: x}
  low: {image: x, depends_on: [one], cap_add: [A]}
  mid: {extends: low, depends_on: !override [two], cap_add: !reset []}
  top: {extends: mid, depends_on: [three], cap_add: [B]}
";
    let project = project(&[("compose.yaml", text)]);
    let needs: Vec<&String> = project.services["top"].depends_on.keys().collect();
    assert_eq!(needs, ["three", "two"]);
    assert_eq!(project.services["top"].container.cap_add, ["B"]);
}

#[test]
fn what_is_wrong_with_it_is_said() {
    let other = ("other.yaml", "services: {web: {image: x}}");
    let table: &[(&str, &str)] = &[
        ("{a: {extends: a}}", "in a circle: a → a"),
        (
            "{a: {extends: b}, b: {extends: c}, c: {extends: a}}",
            "in a circle: a → b → c → a",
        ),
        (
            "{a: {extends: bass}, base: {image: x}}",
            "did you mean `base`?",
        ),
        (
            "{a: {extends: {file: other.yaml, service: wep}}}",
            "there is no service `wep` in other.yaml",
        ),
        (
            "{a: {extends: {file: none.yaml, service: web}}}",
            "the file `none.yaml` cannot be read",
        ),
        (
            "{a: {extends: {file: ../x.yaml, service: web}}}",
            "leads out of the project's folder",
        ),
        (
            "{a: {extends: {file: /etc/x.yaml, service: web}}}",
            "leads out of the project's folder",
        ),
        (
            "{a: {extends: {file: 'https://x/y.yaml', service: web}}}",
            "is not a file of this machine",
        ),
        (
            "{a: {extends: {file: other.yaml}}}",
            "extends names no service",
        ),
        ("{a: {extends: {service: []}}}", "extends names no service"),
        (
            "{a: {extends: {service: web, fil: other.yaml}}}",
            "did you mean `file`?",
        ),
    ];
    for (services, wanted) in table {
        let text = format!("services: {services}");
        let said = refused(&[("compose.yaml", &text), other]);
        assert!(said.contains(wanted), "{services}: {said}");
    }
    let said = refused(&[
        (
            "compose.yaml",
            "services: {a: {extends: {file: b.yaml, service: b}}}",
        ),
        (
            "b.yaml",
            "services: {b: {extends: {file: compose.yaml, service: a}}}",
        ),
        (
            "compose.yaml",
            "services: {a: {extends: {file: b.yaml, service: b}}}",
        ),
    ]);
    assert!(said.contains("in a circle"), "{said}");
}

#[test]
fn a_service_of_another_file_brings_only_itself() {
    let said = refused(&[
        (
            "compose.yaml",
            "services: {web: {extends: {file: other.yaml, service: web}}}",
        ),
        (
            "other.yaml",
            "services: {web: {image: x, volumes: ['data:/data'], depends_on: [db]}, db: {image: y}}\nvolumes: {data: }",
        ),
    ]);
    assert!(
        said.contains("uses the volume `data`, which is not defined"),
        "{said}"
    );
    assert!(
        said.contains("depends on `db`, and there is no such service"),
        "{said}"
    );
}

#[test]
fn many_services_extend_the_same_one() {
    let mut text = "services:\n".to_owned();
    for n in 0..300 {
        text += &format!(
            "  s{n}: {{extends: {{file: base.yaml, service: base}}, environment: {{N: {n}}}}}\n"
        );
    }
    let project = project(&[
        ("compose.yaml", &text),
        ("base.yaml", "services: {base: {image: x}}"),
    ]);
    assert_eq!(project.services.len(), 300);
    assert_eq!(project.services["s7"].image.as_deref(), Some("x"));
}
