//! Several files of a folder as one definition.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use formats::{Format, Imported, Together};
use spec::{Cluster, Found};
use std::collections::BTreeMap;

const COMPOSE: &str = "services:
  db:
    image: postgres:16
    ports: ['5000:5432']
    volumes: ['data:/var/lib/postgresql']
  web:
    image: shop
    depends_on: [db]
volumes: {data: }
";
const PROCFILE: &str = "release: rake db:migrate\nweb: puma -p $PORT\nworker: sidekiq\n";
const PROCESSES: &str = "environment: [MODE=dev]
env_cmds: {TOKEN: echo 1}
processes:
  worker: {command: work, environment: [MODE=own], env_file: worker.env}
  mail: {command: mail, depends_on: {worker: {condition: process_started}}}
";
const BESIDE: [(&str, &str); 3] = [
    (".env", "A=1\n"),
    (".foreman", "timeout: 7\n"),
    ("worker.env", "B=2\n"),
];

fn part(format: Format, name: &str, text: &str, made: Option<&Together>) -> Imported {
    let read = match made {
        Some(made) => {
            let others = Some(made.others());
            common::read_among(format, name, text.as_bytes(), &BESIDE, others)
        }
        None => common::read(format, name, text.as_bytes(), &BESIDE),
    };
    read.unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn together(files: &[(Format, &str, &str)]) -> Result<Imported, String> {
    let mut made = Together::default();
    for (format, name, text) in files {
        let part = part(*format, name, text, Some(&made));
        made.add(name, part).map_err(|clash| clash.to_string())?;
    }
    Ok(made.done())
}

/// With its env files.
fn cluster(imported: &Imported) -> Cluster {
    let mut sources = spec::Sources::new("shop", imported.text.clone().into_bytes());
    loop {
        match sources.read() {
            Ok(spec::Reading::Complete(cluster)) => return *cluster,
            Ok(spec::Reading::Needs(files)) => {
                for file in files {
                    let there = BESIDE.iter().find(|(name, _)| *name == file);
                    let bytes = there.map(|(_, text)| text.as_bytes().to_vec());
                    sources.add(file, bytes.map_or(Found::Absent, Found::Bytes));
                }
            }
            Err(wrong) => panic!("{}\n{}", imported.text, wrong.render(100, false)),
        }
    }
}

fn variables(cluster: &Cluster, name: &str) -> BTreeMap<String, String> {
    let service = &cluster.services[name];
    let all = cluster.variables(service, &|_| None);
    let text = |value: spec::Value| match value {
        spec::Value::Text(text) => text,
        spec::Value::Template(template) => template.to_string(),
        spec::Value::Secret(_) => "secret".to_owned(),
    };
    all.into_iter()
        .map(|(name, variable)| (name.to_owned(), text(variable.value)))
        .collect()
}

const ALL: [(Format, &str, &str); 3] = [
    (Format::Compose, "compose.yaml", COMPOSE),
    (Format::Procfile, "Procfile", PROCFILE),
    (Format::ProcessCompose, "process-compose.yaml", PROCESSES),
];

#[test]
fn each_service_is_what_its_own_file_says() {
    let made = together(&ALL).unwrap();
    let all = cluster(&made);
    let names: Vec<&str> = all.services.keys().map(|name| name.as_str()).collect();
    let wanted = [
        "db", "mail", "release", "web", "web-2", "worker", "worker-2",
    ];
    assert_eq!(names, wanted);
    let renamed = |name: &str| match name {
        "web" => "web-2".to_owned(),
        other => other.to_owned(),
    };
    for (format, name, text) in ALL {
        let alone = cluster(&part(format, name, text, None));
        for (service, one) in &alone.services {
            let own = match (format, service.as_str()) {
                (Format::Procfile, name) => renamed(name),
                (Format::ProcessCompose, "worker") => "worker-2".to_owned(),
                (_, name) => name.to_owned(),
            };
            let here = &all.services[own.as_str()];
            assert_eq!(here.runs, one.runs, "{own}");
            assert_eq!((here.kind, &here.heal), (one.kind, &one.heal), "{own}");
            assert_eq!(here.stop, one.stop, "{own}");
            assert_eq!(
                variables(&all, &own),
                variables(&alone, service.as_str()),
                "{own}"
            );
            let needs = |service: &spec::Service| {
                let needs = service.needs.iter().map(|need| need.service.to_string());
                needs.collect::<Vec<_>>()
            };
            let theirs: Vec<String> = match format {
                Format::ProcessCompose => needs(one)
                    .iter()
                    .map(|need| need.replace("worker", "worker-2"))
                    .collect(),
                _ => needs(one),
            };
            assert_eq!(needs(here), theirs, "{own}");
        }
    }
    let stop = |name: &str| all.services[name].stop.grace.as_secs();
    assert_eq!([stop("web-2"), stop("db")], [7, 10], "only of its own file");
    assert!(all.volumes.contains_key("data"));
    assert_eq!(
        together(&ALL).unwrap().text,
        made.text,
        "each time the same"
    );
}

#[test]
fn who_has_another_name_or_port_is_told_with_both_places() {
    let made = together(&ALL).unwrap();
    let notes: Vec<String> = made.notes.iter().map(ToString::to_string).collect();
    for said in [
        "Procfile:2: web is called web-2 here: compose.yaml:6 has a web as well",
        "process-compose.yaml:4: worker is called worker-2 here: Procfile:3 has a worker as well",
        "Procfile:1: ports begin at 6000, because those from 5000 on are taken",
    ] {
        assert!(notes.iter().any(|note| note == said), "{said}: {notes:#?}");
    }
    let all = cluster(&made);
    let port = |name: &str| all.services[name].port;
    assert_eq!(port("db"), Some(5000));
    assert_eq!(port("web-2"), Some(6100));
}

#[test]
fn what_is_two_things_of_one_name_is_refused() {
    let other = "services: {web: {image: other}}\n";
    let two = [ALL[0], (Format::Compose, "compose.dev.yaml", other)];
    assert_eq!(
        together(&two).unwrap_err(),
        "service web is defined in compose.yaml:6 and otherwise in compose.dev.yaml:1; give one of them another name"
    );
    let other =
        "services: {app: {image: other, volumes: ['data:/x']}}\nvolumes: {data: {name: theirs}}\n";
    let two = [ALL[0], (Format::Compose, "compose.dev.yaml", other)];
    let refused = together(&two).unwrap_err();
    assert!(
        refused.starts_with(
            "volumes.data is defined in compose.yaml and otherwise in compose.dev.yaml"
        ),
        "{refused}"
    );
    let same = "services: {app: {image: other, volumes: ['data:/x']}}\nvolumes: {data: }\n";
    let two = [ALL[0], (Format::Compose, "compose.dev.yaml", same)];
    assert_eq!(cluster(&together(&two).unwrap()).volumes.len(), 1);
}

#[test]
fn two_names_of_a_cluster_are_one_and_a_note() {
    let files = [
        (
            Format::Compose,
            "compose.yaml",
            "name: one\nservices: {a: {image: x}}\n",
        ),
        (
            Format::ProcessCompose,
            "process-compose.yaml",
            "name: two\nprocesses: {b: {command: b}}\n",
        ),
    ];
    let made = together(&files).unwrap();
    assert_eq!(common::cluster(&made).name.as_str(), "one");
    let said = "the name \"two\" is passed over: compose.yaml calls the cluster \"one\"";
    assert!(
        made.notes.iter().any(|note| note.says == said),
        "{:?}",
        made.notes
    );
}
