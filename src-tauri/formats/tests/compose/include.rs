//! Files that include others, with folders and variables of their own.

use crate::{at, notes, project, read_with, refused, settings, wanted};

const WEB: &str = "services: {web: {image: web, depends_on: [db]}}\n";

#[test]
fn resources_of_included_files_are_there() {
    let text = format!("include: [db/compose.yaml]\n{WEB}");
    let project = project(&[
        ("compose.yaml", &text),
        (
            "db/compose.yaml",
            "name: other\nservices: {db: {build: ./src, volumes: ['data:/data', './init:/init']}}\nvolumes: {data: }\nnetworks: {n: }\n",
        ),
    ]);
    assert_eq!(project.name, "shop");
    assert_eq!(
        at(&project, "services.db.build"),
        wanted(r#"{"context": "db/src"}"#)
    );
    assert_eq!(
        at(&project, "services.db.volumes"),
        wanted(
            r#"[{"what": {"volume": {"name": "data"}}, "target": "/data"}, {"what": {"bind": {"source": "db/init", "create": true}}, "target": "/init"}]"#
        )
    );
    assert_eq!(at(&project, "volumes.data.name"), wanted(r#""shop_data""#));
    assert!(project.networks.contains_key("n"));
}

#[test]
fn an_included_file_has_variables_of_its_own_under_those_of_the_project() {
    let text = format!("include: [db/compose.yaml]\n{WEB}");
    let project = project(&[
        ("compose.yaml", &text),
        (
            "db/compose.yaml",
            "services: {db: {image: \"${IMAGE:-none}:${TAG:-none}-$SET\"}}",
        ),
        ("db/.env", "IMAGE=postgres\nTAG=16\nSET=not me\n"),
        (".env", "TAG=17\n"),
    ]);
    assert_eq!(
        at(&project, "services.db.image"),
        wanted(r#""postgres:17-set""#)
    );
}

#[test]
fn the_long_form_says_folder_files_and_variables() {
    let text = format!(
        "include:\n  - path: [db/compose.yaml, over.yaml]\n    project_directory: data\n    env_file: [a.env, b.env]\n{WEB}"
    );
    let project = project(&[
        ("compose.yaml", &text),
        (
            "db/compose.yaml",
            "services: {db: {image: \"$A-$B\", build: ./x, cap_add: [X]}}",
        ),
        ("over.yaml", "services: {db: {cap_add: [Y]}}"),
        ("a.env", "A=1\nB=1\n"),
        ("b.env", "B=2\n"),
    ]);
    assert_eq!(at(&project, "services.db.image"), wanted(r#""1-2""#));
    assert_eq!(
        at(&project, "services.db.build"),
        wanted(r#"{"context": "data/x"}"#)
    );
    assert_eq!(
        at(&project, "services.db.container.cap_add"),
        wanted(r#"["X", "Y"]"#)
    );
}

#[test]
fn included_files_include_others() {
    let text = format!("include: [a/compose.yaml]\n{WEB}");
    let project = project(&[
        ("compose.yaml", &text),
        (
            "a/compose.yaml",
            "include: [b/compose.yaml, ../c.yaml]\nservices: {a: {image: a}}",
        ),
        ("a/b/compose.yaml", "services: {db: {build: .}}"),
        ("c.yaml", "services: {c: {image: c}}"),
    ]);
    let names: Vec<&String> = project.services.keys().collect();
    assert_eq!(names, ["a", "c", "db", "web"]);
    assert_eq!(
        at(&project, "services.db.build.context"),
        wanted(r#""a/b""#)
    );
}

#[test]
fn a_service_can_extend_an_included_one() {
    let project = project(&[
        (
            "compose.yaml",
            "include: [base.yaml]\nservices: {web: {extends: {file: base.yaml, service: base}, user: me}}",
        ),
        ("base.yaml", "services: {base: {image: x}}"),
    ]);
    assert_eq!(at(&project, "services.web.image"), wanted(r#""x""#));
}

#[test]
fn what_both_define_is_said_and_laid_over() {
    let web = WEB.replace("{web:", "{db: {image: own}, web:");
    let text = format!(
        "include: [db.yaml]
{web}"
    );
    let first = project(&[
        ("compose.yaml", &text),
        ("db.yaml", "services: {db: {image: theirs, user: me}}"),
    ]);
    assert_eq!(at(&first, "services.db.image"), wanted(r#""own""#));
    assert_eq!(at(&first, "services.db.user"), wanted(r#""me""#));
    assert_eq!(
        notes(&first),
        [
            "compose.yaml:2: services.db is defined in db.yaml:1 as well, which is included: this is laid over it"
        ]
    );
    // The same twice is no conflict.
    let same = project(&[
        (
            "compose.yaml",
            "include: [a.yaml, b.yaml]\nservices: {web: {image: x}}",
        ),
        ("a.yaml", "services: {db: {image: x}}"),
        ("b.yaml", "services: {db: {image: x}}"),
    ]);
    assert!(notes(&same).is_empty(), "{:?}", notes(&same));
}

#[test]
fn what_is_wrong_with_it_is_said() {
    let table: &[(&str, &str)] = &[
        ("[compose.yaml]", "in a circle: compose.yaml → compose.yaml"),
        (
            "[a.yaml]",
            "in a circle: compose.yaml → a.yaml → b.yaml → a.yaml",
        ),
        ("[none.yaml]", "the file `none.yaml` cannot be read"),
        (
            "[../other/compose.yaml]",
            "leads out of the project's folder",
        ),
        (
            "[a/../../x.yaml]",
            "`../x.yaml` leads out of the project's folder",
        ),
        ("[/etc/passwd]", "leads out of the project's folder"),
        ("['~/x.yaml']", "leads out of the project's folder"),
        ("['oci://registry/app']", "is not a file of this machine"),
        (
            "['https://github.com/x/y.git']",
            "is not a file of this machine",
        ),
        (
            "[{path: c.yaml, env_file: none.env}]",
            "the env file `none.env` cannot be read",
        ),
        (
            "[{path: c.yaml, env_file: /etc/passwd}]",
            "leads out of the project's folder",
        ),
        ("[{paht: c.yaml}]", "did you mean `path`?"),
        ("[{env_file: c.env}]", "names no file"),
        ("c.yaml", "it takes a list of files"),
        ("[[c.yaml]]", "names no file"),
        ("[broken.yaml]", "a quote is not closed"),
    ];
    for (include, wanted) in table {
        let text = format!("include: {include}\nservices: {{web: {{image: x}}}}");
        let said = refused(&[
            ("compose.yaml", &text),
            ("a.yaml", "include: [b.yaml]"),
            ("b.yaml", "include: [a.yaml]"),
            ("c.yaml", "services: {c: {image: x}}"),
            ("broken.yaml", "services: {c: {image: \"x}}"),
        ]);
        assert!(said.contains(wanted), "{include}: {said}");
    }
}

#[test]
fn a_person_can_allow_files_of_other_folders() {
    let settings = formats::compose::Settings {
        outside: true,
        ..settings()
    };
    let tree = [
        (
            "compose.yaml",
            "include: [../other/compose.yaml]\nservices: {web: {image: x}}",
        ),
        ("../other/compose.yaml", "services: {db: {build: .}}"),
    ];
    let project = read_with(&tree, settings).unwrap();
    assert_eq!(
        at(&project, "services.db.build.context"),
        wanted(r#""../other""#)
    );
    assert_eq!(
        at(&project, "risks"),
        wanted(r#"[{"of": "db", "what": {"host_path": {"path": "../other"}}}]"#)
    );
}
