//! Procfiles and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::cluster;
use formats::{Format, Imported, Sources};
use spec::{Cluster, Found, Run};

fn imported(procfile: &str, beside: &[(&str, &str)]) -> Imported {
    match read(procfile, beside) {
        Ok(imported) => imported,
        Err(wrong) => panic!("{wrong}"),
    }
}

fn read(procfile: &str, beside: &[(&str, &str)]) -> Result<Imported, String> {
    common::read(Format::Procfile, "Procfile", procfile.as_bytes(), beside)
}

fn of(procfile: &str, beside: &[(&str, &str)]) -> Cluster {
    cluster(&imported(procfile, beside))
}

fn service<'c>(cluster: &'c Cluster, name: &str) -> &'c spec::Service {
    cluster
        .services
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn each_line_is_a_service_with_the_port_that_foreman_gives_it() {
    let cluster = of(
        "# the shop\n\nweb: bundle exec puma -p $PORT\r\nworker: bundle exec sidekiq\nCSS_watch: yarn build --watch\n",
        &[],
    );
    let names: Vec<&str> = cluster.services.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["css-watch", "web", "worker"]);
    let ports = ["web", "worker", "css-watch"].map(|name| service(&cluster, name).port);
    assert_eq!(ports, [Some(5000), Some(5100), Some(5200)]);
    assert_eq!(
        service(&cluster, "worker").runs.to_string(),
        "bundle exec sidekiq"
    );
    assert_eq!(cluster.env_files, [".env"]);
}

#[test]
fn a_command_is_the_shells_whatever_is_in_it() {
    let line = "FOO=${x.port} B=\"$HOME\" run 'it''s' && echo \\\\ \"é\"";
    let cluster = of(&format!("a: {line}\nb: echo ${{self.port}} $HOME\n"), &[]);
    let Some(Run::Shell(template)) = service(&cluster, "a").runs.process() else {
        panic!("it is not for the shell");
    };
    assert_eq!(template.to_string(), line);
    for (name, service) in &cluster.services {
        let template = match service.runs.process().unwrap() {
            Run::Shell(template) => template.clone(),
            Run::Direct(words) => {
                spec::Template(words.iter().flat_map(|word| word.0.clone()).collect())
            }
        };
        assert_eq!(template.references().count(), 0, "{name}");
    }
}

#[test]
fn ports_and_counts_come_from_where_foreman_and_overmind_are_told_them() {
    let procfile = "web: serve\nworker: work\nclock: tick\n";
    let ports = |beside: &[(&str, &str)]| {
        let cluster = of(procfile, beside);
        ["web", "worker"].map(|name| service(&cluster, name).port.unwrap())
    };
    assert_eq!(ports(&[(".env", "PORT=3000\n")]), [3000, 3100]);
    assert_eq!(
        ports(&[(
            ".env",
            "PORT=3000\nOVERMIND_PORT=4000\nOVERMIND_PORT_STEP=10\n"
        )]),
        [4000, 4010]
    );
    assert_eq!(
        ports(&[(".env", "PORT=3000\n"), (".foreman", "port: 7000\n")]),
        [7000, 7100]
    );
    let cluster = of(
        procfile,
        &[(".foreman", "formation: web=2,worker=3\ntimeout: 20\n")],
    );
    let counts = ["web", "worker", "clock"].map(|name| service(&cluster, name).replicas);
    assert_eq!(counts, [2, 3, 1]);
    assert_eq!(service(&cluster, "web").stop.grace.as_secs(), 20);

    let made = imported(procfile, &[(".env", "OVERMIND_FORMATION=all=0,web=2\n")]);
    let cluster = cluster_names(&made);
    assert_eq!(cluster, ["web"]);
    let notes: Vec<String> = made.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "Procfile:2: worker is left out: none of it is wanted by the formation",
            "Procfile:3: clock is left out: none of it is wanted by the formation",
        ]
    );
}

fn cluster_names(imported: &Imported) -> Vec<String> {
    let names = cluster(imported).services.into_keys();
    names.map(|name| name.to_string()).collect()
}

#[test]
fn overminds_variables_are_honoured() {
    let env = "OVERMIND_CAN_DIE=assets\nOVERMIND_IGNORED_PROCESSES=css\nOVERMIND_STOP_SIGNALS=web=QUIT,assets=SIGINT\nOVERMIND_TIMEOUT=7\n";
    let made = imported("web: a\nassets: b\ncss: c\n", &[(".overmind.env", env)]);
    let cluster = cluster(&made);
    assert_eq!(cluster_names(&made), ["assets", "web"]);
    assert_eq!(service(&cluster, "assets").kind, spec::Kind::Oneshot);
    assert_eq!(
        service(&cluster, "web").stop.signal,
        Some(spec::StopSignal::Quit)
    );
    assert_eq!(
        service(&cluster, "assets").stop.signal,
        Some(spec::StopSignal::Int)
    );
    assert_eq!(service(&cluster, "web").stop.grace.as_secs(), 7);
    assert_eq!(cluster.env_files, [".overmind.env", ".env"]);
    let told = &service(&cluster, "web").env["OVERMIND_PROCESS_assets_PORT"];
    assert_eq!(told.to_string(), "${assets.port}");
}

#[test]
fn a_release_runs_before_all_others() {
    let made = imported("release: rake db:migrate\nweb: puma\n", &[]);
    let cluster = cluster(&made);
    let release = service(&cluster, "release");
    assert_eq!(release.kind, spec::Kind::Oneshot);
    let tried: Vec<String> = release
        .heal
        .ladder
        .iter()
        .map(|rung| format!("{rung:?}"))
        .collect();
    assert_eq!(tried.len(), 1, "{tried:?}");
    assert!(tried[0].contains("Quarantine"), "{tried:?}");
    let needs: Vec<&str> = service(&cluster, "web")
        .needs
        .iter()
        .map(|need| need.service.as_str())
        .collect();
    assert_eq!(needs, ["release"]);
    assert_eq!(made.notes.len(), 1);
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    for (procfile, said) in [
        ("", &["no process is defined"][..]),
        ("web:   \n", &["Procfile:1:1", "`web` has no command"]),
        (
            "web: a\n\nweb: b\n",
            &["Procfile:3:1", "`web` is there twice"],
        ),
        (
            "a_b: x\na-b: y\n",
            &[
                "Procfile:2:1",
                "`a_b` and `a-b` are both a-b",
                "another name",
            ],
        ),
    ] {
        let wrong = read(procfile, &[]).unwrap_err();
        for said in said {
            assert!(wrong.contains(said), "{procfile:?}: {wrong}");
        }
    }
    let junk = imported("web: a\nthis is no process\n", &[]);
    assert_eq!(junk.notes[0].line, 2);
    assert!(junk.notes[0].says.contains("passed over"));
}

#[test]
fn what_the_definition_finds_wrong_is_told_of_the_line_it_came_from() {
    let source = "# two\nweb: echo 'open\nworker: sleep 1\n";
    let made = imported(source, &[]);
    let problems = spec::parse("azora.toml", "shop", made.text.as_bytes()).unwrap_err();
    let told = made.told_of(problems, "Procfile", source);
    let places: Vec<_> = told.problems().iter().map(|one| one.position()).collect();
    assert_eq!(places, [(2, 6)], "{}", told.render(100, false));
    assert!(
        told.problems()
            .iter()
            .all(|one| one.file() == Some("Procfile"))
    );
}

#[test]
fn what_is_said_beside_it_and_cannot_be_is_told_there_too() {
    let wrong = |beside: &str| read("web: a\nworker: b\n", &[(".foreman", beside)]).unwrap_err();
    let many = wrong("formation: worker=500\n");
    assert!(
        many.contains("500 of `worker`") && many.contains("Procfile:2:1"),
        "{many}"
    );
    let none = wrong("formation: all=0\n");
    assert!(
        none.contains("no process is wanted") && none.contains(".foreman"),
        "{none}"
    );
    let made = imported(
        "web: a\n",
        &[(".foreman", "formation: wbe=2\nprocfile: Procfile.dev\n")],
    );
    let notes: Vec<String> = made.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes[0].starts_with(".foreman:2: the file Procfile.dev"),
        "{notes:?}"
    );
    assert!(
        notes[1].contains("`wbe` is named beside this file"),
        "{notes:?}"
    );
}

#[test]
fn what_runs_once_has_no_replicas_whatever_the_formation_says() {
    let made = imported(
        "release: a\nweb: b\n",
        &[(".foreman", "formation: all=2\n")],
    );
    let cluster = cluster(&made);
    let counts = ["release", "web"].map(|name| service(&cluster, name).replicas);
    assert_eq!(counts, [1, 2]);
    assert!(
        made.notes
            .iter()
            .any(|one| one.says.contains("not 2 times"))
    );
    let beside = [(
        ".overmind.env",
        "OVERMIND_CAN_DIE=x\nOVERMIND_FORMATION=x=2\n",
    )];
    assert_eq!(service(&of("x: a\n", &beside), "x").replicas, 1);
}

#[test]
fn only_so_much_is_noted_and_the_rest_is_counted() {
    let made = imported(&format!("web: a\n{}", "x\n".repeat(1_000)), &[]);
    assert_eq!(made.notes.len(), 50);
    assert!(
        made.notes[49].says.ends_with("and 950 more like it"),
        "{}",
        made.notes[49]
    );
}

#[test]
fn a_name_is_that_of_a_file_in_the_folder() {
    for name in ["Procfile", "Procfile.dev", "Procfile.v1-2_x"] {
        assert_eq!(Format::of(name), Some(Format::Procfile), "{name}");
    }
    for name in [
        "procfile",
        "Procfile.",
        "Procfile.d/web",
        "Procfile./../x",
        "Procfile.\r",
        "Procfile.é",
    ] {
        assert_eq!(Format::of(name), None, "{name:?}");
    }
}

#[test]
fn what_is_strange_beside_it_is_noted_and_stops_nothing() {
    let made = imported(
        "web: a\n",
        &[(".foreman", "port: many\nwhat\n"), (".env", "\u{0}=\u{0}")],
    );
    let places: Vec<_> = made
        .notes
        .iter()
        .map(|one| (one.file.as_str(), one.line))
        .collect();
    assert_eq!(
        places,
        [(".foreman", 1), (".foreman", 2)],
        "{:?}",
        made.notes
    );
    assert_eq!(service(&cluster(&made), "web").port, Some(5000));
}

#[test]
fn a_large_or_binary_file_is_refused() {
    let wrong = read(&"web: a\n".repeat(200_000), &[]).unwrap_err();
    assert!(wrong.contains("1 MiB"), "{wrong}");
    let many: String = (0..3_000).map(|n| format!("p{n}: run\n")).collect();
    let wrong = read(&many, &[]).unwrap_err();
    assert!(wrong.contains("more than 2000 processes"), "{wrong}");
    let mut sources = Sources::new(Format::Procfile, "Procfile", vec![b'a', 0xff, b'\n']);
    sources.add(".env", Found::Absent);
    let wrong = sources.read().unwrap_err().to_string();
    assert!(wrong.contains("is not UTF-8"), "{wrong}");
}
