//! Folders without a definition and what is proposed for them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use formats::{Names, Proposal, Proposing, Survey, Wanted};
use spec::{Cluster, Found};

/// What is proposed for a folder of these files.
fn proposed(files: &[(&str, &str)]) -> Option<Proposal> {
    let mut survey = Survey::default();
    for _ in 0..10 {
        match survey.propose() {
            Proposing::Complete(proposal) => return proposal,
            Proposing::Needs(wanted) => {
                assert!(!wanted.is_empty(), "it waits for nothing");
                for one in wanted {
                    match one {
                        Wanted::Names(folder) => {
                            survey.names(folder.clone(), names(files, &folder))
                        }
                        Wanted::File(path) => {
                            let there = files.iter().find(|(name, _)| *name == path);
                            let found = there.map_or(Found::Absent, |(_, text)| {
                                Found::Bytes(text.as_bytes().to_vec())
                            });
                            survey.file(path, found);
                        }
                    }
                }
            }
        }
    }
    panic!("it needs ever more");
}

fn names(files: &[(&str, &str)], folder: &str) -> Names {
    let mut names = Names::default();
    for (path, _) in files {
        let below = match folder {
            "" => Some(*path),
            folder => path
                .strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        match below.map(|below| below.split_once('/')) {
            Some(Some((folder, _))) => drop(names.folders.insert(folder.to_owned())),
            Some(None) => drop(names.files.insert(below.unwrap().to_owned())),
            None => {}
        }
    }
    names
}

/// What is proposed is a definition that can be read.
fn cluster(files: &[(&str, &str)]) -> (String, Cluster) {
    let proposal = proposed(files).expect("something is proposed");
    let cluster = spec::parse("azora.toml", "shop", proposal.text.as_bytes())
        .unwrap_or_else(|wrong| panic!("{}\n{}", proposal.text, wrong.render(100, false)));
    (proposal.text, cluster)
}

fn runs(cluster: &Cluster) -> Vec<(String, String, Option<u16>)> {
    let services = cluster.services.iter();
    services
        .map(|(name, service)| {
            (
                name.to_string(),
                command(&service.runs.to_string()),
                service.port,
            )
        })
        .collect()
}

/// Without what `spec` puts before a command for the shell.
fn command(run: &str) -> String {
    run.strip_prefix("exec ").unwrap_or(run).to_owned()
}

fn one(files: &[(&str, &str)]) -> (String, String, Option<u16>) {
    let (text, cluster) = cluster(files);
    let mut runs = runs(&cluster);
    assert_eq!(runs.len(), 1, "{text}");
    runs.remove(0)
}

#[test]
fn a_package_runs_by_the_script_a_developer_leaves_running() {
    let (text, cluster) = cluster(&[(
        "package.json",
        r#"{"name": "@shop/web", "scripts": {"build": "vite build", "dev": "vite"}, "devDependencies": {"vite": "^8"}}"#,
    )]);
    let run = "npm run dev -- --host 127.0.0.1 --port $PORT --strictPort";
    assert_eq!(
        runs(&cluster),
        [("web".to_owned(), run.to_owned(), Some(5173))],
        "{text}"
    );
    assert!(
        text.contains("# package.json: its script \"dev\", which is vite's"),
        "{text}"
    );
    assert!(text.contains("ready = { tcp = \"$PORT\" }"), "{text}");
}

#[test]
fn who_runs_scripts_is_said_by_the_package_or_by_its_lock_file() {
    let package = r#"{"scripts": {"dev": "next dev"}}"#;
    for (lock, run) in [
        ("pnpm-lock.yaml", "pnpm run dev"),
        ("yarn.lock", "yarn run dev"),
        ("bun.lock", "bun run dev"),
        ("package-lock.json", "npm run dev"),
    ] {
        let found = one(&[("package.json", package), (lock, "")]);
        assert_eq!(found, ("app".to_owned(), run.to_owned(), Some(3000)));
    }
    let said = r#"{"packageManager": "yarn@4.5.0", "scripts": {"start": "node ."}}"#;
    let found = one(&[("package.json", said), ("pnpm-lock.yaml", "")]);
    assert_eq!(found.1, "yarn run start");
}

#[test]
fn options_are_passed_on_only_to_a_script_of_one_command() {
    let found = one(&[(
        "package.json",
        r#"{"scripts": {"dev": "npm run codegen && vite"}}"#,
    )]);
    assert_eq!(found, ("app".to_owned(), "npm run dev".to_owned(), None));
}

#[test]
fn the_parts_of_workspaces_are_services_and_what_runs_them_all_is_not() {
    let files = [
        (
            "package.json",
            r#"{"workspaces": ["apps/*", "./packages/ui", "../outside", "/etc"], "scripts": {"dev": "turbo run dev"}}"#,
        ),
        ("pnpm-lock.yaml", ""),
        (
            "apps/web/package.json",
            r#"{"name": "web", "scripts": {"dev": "next dev"}}"#,
        ),
        (
            "apps/api/package.json",
            r#"{"name": "api", "scripts": {"start": "node server.js"}, "dependencies": {"express": "5"}}"#,
        ),
        (
            "apps/.hidden/package.json",
            r#"{"name": "hidden", "scripts": {"dev": "next dev"}}"#,
        ),
        (
            "packages/ui/package.json",
            r#"{"name": "ui", "scripts": {"build": "tsc"}}"#,
        ),
    ];
    let (text, cluster) = cluster(&files);
    let expected = [
        ("api".to_owned(), "pnpm run start".to_owned(), Some(3000)),
        ("web".to_owned(), "pnpm run dev".to_owned(), Some(3000)),
    ];
    assert_eq!(runs(&cluster), expected, "{text}");
    assert!(text.contains("cwd = \"apps/api\""), "{text}");
    let notes = proposed(&files).unwrap().notes;
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "package.json:1: `../outside` leads out of the folder and is passed over",
            "package.json:1: `/etc` leads out of the folder and is passed over",
            "package.json:1: its script \"dev\" runs those of the parts, which are services themselves",
            "packages/ui/package.json:1: it has none of the scripts dev, develop, start:dev, start, serve, and is passed over",
        ]
    );
}

#[test]
fn without_a_workspace_the_folders_side_by_side_are_the_parts() {
    let (text, cluster) = cluster(&[
        ("README.md", ""),
        ("frontend/package.json", r#"{"scripts": {"dev": "vite"}}"#),
        (
            "frontend/node_modules/vite/package.json",
            r#"{"scripts": {"dev": "x"}}"#,
        ),
        ("node_modules/package.json", r#"{"scripts": {"dev": "x"}}"#),
        (
            "backend/pyproject.toml",
            "[project]\nname = \"shop-backend\"\ndependencies = [\"FastAPI[standard]>=0.110\", \"celery\"]\n",
        ),
        ("backend/uv.lock", ""),
        ("backend/main.py", ""),
    ]);
    let expected = [
        (
            "frontend".to_owned(),
            "npm run dev -- --host 127.0.0.1 --port $PORT --strictPort".to_owned(),
            Some(5173),
        ),
        (
            "shop-backend".to_owned(),
            "uv run uvicorn main:app --reload --host 127.0.0.1 --port $PORT".to_owned(),
            Some(8000),
        ),
    ];
    assert_eq!(runs(&cluster), expected, "{text}");
    assert!(
        text.contains("# run = \"uv run celery -A shop_backend worker -l info\""),
        "{text}"
    );
}

#[test]
fn programs_in_python_by_what_they_depend_on() {
    let manage = [
        ("manage.py", ""),
        ("requirements.txt", "# shop\nDjango==5.1\npsycopg[binary]\n"),
    ];
    assert_eq!(
        one(&manage),
        (
            "app".to_owned(),
            "python manage.py runserver 127.0.0.1:$PORT".to_owned(),
            Some(8000)
        )
    );
    let poetry = "[tool.poetry]\nname = \"x\"\n[tool.poetry.dependencies]\npython = \"^3.12\"\nFlask = \"^3\"\n";
    let found = one(&[("pyproject.toml", poetry), ("poetry.lock", "")]);
    assert_eq!(found.1, "poetry run flask run --port $PORT");
}

#[test]
fn what_may_be_a_program_for_the_terminal_is_a_comment() {
    let text = proposed(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        (
            "crates/api/Cargo.toml",
            "[package]\nname = \"shop-api\"\n[dependencies]\naxum = \"0.8\"\n",
        ),
        ("crates/api/src/main.rs", ""),
        ("crates/tool/Cargo.toml", "[package]\nname = \"tool\"\n"),
        ("crates/tool/src/main.rs", ""),
        ("crates/lib/Cargo.toml", "[package]\nname = \"lib\"\n"),
        ("crates/lib/src/lib.rs", ""),
    ])
    .unwrap()
    .text;
    assert!(
        text.contains("[service.shop-api]\nrun = \"cargo run -p shop-api\"\nport = 0\n"),
        "{text}"
    );
    assert!(
        text.contains("# [service.tool]\n# run = \"cargo run -p tool\"\n"),
        "{text}"
    );
    assert!(!text.contains("-p lib"), "{text}");
}

#[test]
fn a_crate_without_a_workspace_above_it_runs_in_its_own_folder() {
    let files = |above: &'static str| {
        [
            ("Cargo.toml", above),
            (
                "backend/Cargo.toml",
                "[package]\nname = \"backend\"\n[dependencies]\naxum = \"0.8\"\n",
            ),
            ("backend/src/main.rs", ""),
        ]
    };
    let own = "[service.backend]\nrun = \"cargo run\"\ncwd = \"backend\"\n";
    let (text, _) = cluster(&files("")[1..]);
    assert!(text.contains(own), "{text}");
    let (text, _) = cluster(&files("[package]\nname = \"tools\"\n"));
    assert!(text.contains(own), "{text}");
    let (text, _) = cluster(&files("[workspace]\nmembers = [\"backend\"]\n"));
    assert!(
        text.contains("run = \"cargo run -p backend\"\nport"),
        "{text}"
    );
}

#[test]
fn the_longest_names_are_told_apart_as_well() {
    for letters in [61, 62, 63, 80] {
        let name = "a".repeat(letters);
        let package = format!("{{\"name\":\"{name}\",\"scripts\":{{\"dev\":\"vite\"}}}}");
        let folders: Vec<String> = (0..11).map(|n| format!("p{n}/package.json")).collect();
        let files: Vec<(&str, &str)> = folders
            .iter()
            .map(|path| (path.as_str(), package.as_str()))
            .collect();
        let (text, cluster) = cluster(&files);
        assert_eq!(cluster.services.len(), 11, "{text}");
    }
}

#[test]
fn programs_beyond_the_limit_of_services_are_counted() {
    let mut manifest = String::from("[project]\nname = \"many\"\n[project.scripts]\n");
    for number in 0..2_010 {
        manifest.push_str(&format!("\"!{number:b}\" = \"a:b\"\n"));
    }
    let proposal = proposed(&[("pyproject.toml", manifest.as_str())]).unwrap();
    assert_eq!(proposal.text.matches("# [service.").count(), 2_000);
    assert_eq!(
        proposal.notes[0].says,
        "10 further programs are passed over"
    );
}

#[test]
fn nothing_is_proposed_where_nothing_is_known() {
    assert_eq!(proposed(&[("README.md", "x"), ("src/main.c", "")]), None);
    assert_eq!(proposed(&[]), None);
}

#[test]
fn what_cannot_be_read_is_passed_over_and_said() {
    let files = [
        ("package.json", "{"),
        (
            "api/package.json",
            r#"{"name": 7, "scripts": {"start": "node ."}, "workspaces": 3}"#,
        ),
        ("shop/Cargo.toml", "= 1"),
    ];
    let proposal = proposed(&files).unwrap();
    assert!(proposal.text.contains("[service.api]"), "{}", proposal.text);
    let notes: Vec<String> = proposal.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes[0].starts_with("package.json:1: it is no JSON and is passed over"),
        "{notes:?}"
    );
    assert!(
        notes[1].starts_with("shop/Cargo.toml:1: it is no TOML"),
        "{notes:?}"
    );
}

#[test]
fn hostile_names_stay_texts() {
    let (text, cluster) = cluster(&[(
        "a\"]\nrun = \"rm\"/package.json",
        r#"{"name": "x\"]\nrun = \"rm -rf", "scripts": {"dev": "vite"}}"#,
    )]);
    assert_eq!(cluster.services.len(), 1, "{text}");
    assert!(!text.contains("\nrun = \"rm"), "{text}");
}

#[test]
fn there_is_a_bound_on_the_parts() {
    let all: Vec<String> = (0..1000).map(|n| format!("p{n:04}/package.json")).collect();
    let files: Vec<(&str, &str)> = all
        .iter()
        .map(|path| (path.as_str(), r#"{"scripts": {"dev": "node ."}}"#))
        .collect();
    let proposal = proposed(&files).unwrap();
    assert!(proposal.text.matches("[service.").count() <= 201);
    assert!(
        proposal
            .notes
            .iter()
            .any(|note| note.says.contains("800 further folders")),
        "{:?}",
        proposal.notes
    );
}

#[test]
fn patterns_of_workspaces_are_followed_or_named() {
    let dev = r#"{"scripts": {"dev": "next dev"}}"#;
    let files = [
        (
            "package.json",
            r#"{"workspaces": ["*", "apps/**", "a/*/*", "app-*", "!apps/old", "."]}"#,
        ),
        ("web/package.json", dev),
        ("apps/one/package.json", dev),
        ("apps/two/deep/package.json", dev),
    ];
    let (text, cluster) = cluster(&files);
    let names: Vec<String> = cluster.services.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["one", "web"], "{text}");
    let notes = proposed(&files).unwrap().notes;
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "package.json:1: `apps/**` is looked at one level deep",
            "package.json:1: the pattern `!apps/old` is not followed",
            "package.json:1: the pattern `a/*/*` is not followed",
            "package.json:1: the pattern `app-*` is not followed",
        ]
    );
}

#[test]
fn a_program_that_is_listed_under_another_name_is_one_program() {
    let cargo = "[package]\nname = \"cli\"\n[[bin]]\nname = \"shop\"\npath = \"src/main.rs\"\n";
    let proposal = proposed(&[("Cargo.toml", cargo), ("src/main.rs", "")]).unwrap();
    let text = &proposal.text;
    assert!(
        text.contains("# [service.shop]\n# run = \"cargo run\"\n"),
        "{text}"
    );
    assert_eq!(proposal.notes, []);
}
