//! What is published about the format is true: the schema, the reference, the examples.

use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn examples() -> Vec<(PathBuf, String)> {
    let mut found: Vec<_> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join(spec::FILE))
        .filter(|path| path.exists())
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// The TOML blocks of the reference, with the line each begins in.
fn reference_blocks() -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(root().join("docs/definition.md")).unwrap();
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut block, line) {
            (None, "```toml") => block = Some((index + 2, String::new())),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    blocks
}

fn accepted(name: &str, text: &str) -> spec::Cluster {
    spec::parse(name, "example", text.as_bytes())
        .unwrap_or_else(|problems| panic!("{}", problems.render(100, false)))
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

/// With the names of each object in their order: whether serde_json sorts them hangs on what else is built with it.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            let fields = fields.into_iter();
            fields.map(|(name, value)| (name, sorted(value))).collect()
        }
        Value::Array(all) => all.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// Run with `AZORA_BLESS=1` to write the file.
#[test]
fn the_published_schema_is_the_parsers() {
    let path = root().join("docs/azora.schema.json");
    let schema = format!(
        "{}\n",
        serde_json::to_string_pretty(&sorted(spec::schema())).unwrap()
    );
    if std::env::var_os("AZORA_BLESS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == schema,
        "docs/azora.schema.json is old: run this test with AZORA_BLESS=1"
    );
}

#[test]
fn the_schema_takes_what_the_parser_takes() {
    let schema = jsonschema::draft202012::options()
        .build(&spec::schema())
        .unwrap();
    let check = |name: &str, text: &str| {
        accepted(name, text);
        let errors: Vec<String> = schema
            .iter_errors(&as_json(text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    };
    let examples = examples();
    assert!(!examples.is_empty());
    for (path, text) in &examples {
        check(&path.display().to_string(), text);
    }
    let blocks = reference_blocks();
    assert!(
        blocks.len() >= 8,
        "{} blocks in docs/definition.md",
        blocks.len()
    );
    for (line, text) in &blocks {
        check(&format!("docs/definition.md:{line}"), text);
    }
}

/// What a schema can know to be wrong, it does: an editor says so while it is written.
#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = jsonschema::draft202012::options()
        .build(&spec::schema())
        .unwrap();
    // What these get wrong takes more than a schema to see.
    let beyond_a_schema = [
        "cycle",
        "cycle-two",
        "degraded-above-timeout",
        "duration-out-of-range",
        "ladder-never-tried",
        "need-itself",
        "need-missing",
        "need-of-no-end",
        "need-optional-circle",
        "need-twice",
        "nul",
        "oneshot",
        "probe-another-host",
        "probe-not-a-path",
        "probe-two-targets",
        "probe-without-port",
        "probe-without-target",
        "reference-in-escaped-text",
        "reference-unclosed",
        "reference-unknown-key",
        "reference-unknown-service",
        "reference-without-port",
        "run-open-quote",
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut taken = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // What is no TOML never reaches a schema.
        let Ok(table) = toml::from_str::<toml::Table>(&text) else {
            continue;
        };
        if schema.is_valid(&serde_json::to_value(table).unwrap()) {
            taken.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    taken.sort();
    assert_eq!(taken, beyond_a_schema);
}

#[test]
fn the_reference_names_every_key() {
    let text = std::fs::read_to_string(root().join("docs/definition.md")).unwrap();
    fn keys(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                object.values().for_each(|value| keys(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    keys(&spec::schema(), &mut found);
    let missing: Vec<&String> = found
        .iter()
        .filter(|key| !["cluster", "service", "defaults"].contains(&key.as_str()))
        .filter(|key| !text.contains(&format!("`{key}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/definition.md does not name {missing:?}"
    );
}

/// The demonstration cluster is as large, as deep and as sorted as it is said to be.
#[test]
fn the_demo_cluster_is_what_it_is_said_to_be() {
    let text = std::fs::read_to_string(root().join("examples/azora-os/azora.toml")).unwrap();
    let cluster = accepted("examples/azora-os/azora.toml", &text);
    assert!(
        cluster.services.len() >= 147,
        "{} services",
        cluster.services.len()
    );

    let mut categories: Vec<&str> = cluster
        .services
        .values()
        .map(|service| service.category.as_str())
        .collect();
    categories.sort_unstable();
    categories.dedup();
    assert_eq!(
        categories,
        [
            "AI-Intelligence",
            "Blockchain-Crypto",
            "Communication",
            "Content-Publishing",
            "Core-Infrastructure",
            "Data-Analytics",
            "Education-Platform",
            "Financial-Services",
            "Security-Compliance",
            "User-Management",
        ]
    );
    for name in [
        "elara-deity",
        "elara-core",
        "elara-agent",
        "azora-mint",
        "azora-covenant",
        "azora-aegis",
        "azora-synapse",
        "azora-sapiens",
        "azora-oracle",
        "azora-nexus",
        "azora-forge",
        "azora-workspace",
        "azora-scriptorium",
        "api-gateway",
        "analytics-service",
        "compliance-service",
        "ai-agent-service",
        "service-registry",
    ] {
        assert!(cluster.services.contains_key(name), "no {name}");
    }
    let mint: Vec<&str> = cluster.services["azora-mint"]
        .needs
        .iter()
        .map(|need| need.service.as_str())
        .collect();
    assert!(mint.contains(&"azora-covenant") && mint.contains(&"azora-aegis"));

    let mut ranks: std::collections::BTreeMap<&str, usize> = Default::default();
    while ranks.len() < cluster.services.len() {
        for (name, service) in &cluster.services {
            let below: Option<Vec<usize>> = service
                .needs
                .iter()
                .map(|need| ranks.get(need.service.as_str()).copied())
                .collect();
            if let Some(below) = below {
                ranks.insert(
                    name.as_str(),
                    below.into_iter().max().map_or(0, |rank| rank + 1),
                );
            }
        }
    }
    let depth = ranks.values().max().unwrap() + 1;
    assert!((6..=9).contains(&depth), "{depth} ranks");
    let edges: usize = cluster
        .services
        .values()
        .map(|service| service.needs.len())
        .sum();
    assert!((250..=350).contains(&edges), "{edges} edges");

    for (name, service) in &cluster.services {
        let Some(spec::Run::Direct(words)) = service.runs.process() else {
            panic!("{name} is run by a shell")
        };
        assert_eq!(words[0].to_string(), "organ");
        assert_eq!(service.port, Some(0), "{name}");
        assert!(service.health.is_some(), "{name} has no health");
        // It calls exactly what it needs.
        let called: std::collections::BTreeSet<_> = words
            .iter()
            .flat_map(|word| word.references())
            .filter(|to| *to != name)
            .collect();
        let needed = service.needs.iter().map(|need| &need.service).collect();
        assert_eq!(called, needed, "{name}");
    }
}
