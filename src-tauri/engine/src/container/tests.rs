//! How a definition's containers reach others, and what they get.

use super::*;
use crate::stage::config;
use spec::Lookup;
use std::sync::Arc;
use testkit::Home;

const THREE: &str = "[service.api]\nrun = \"api\"\nport = 8000\n\n\
                     [service.db]\nrun = \"db\"\nport = 5432\nenv = { API = \"${api.url}\", ME = \"${self.url}\" }\n\n\
                     [service.cache]\nrun = \"cache\"\nport = 6379\nenv = { DB = \"${db.url}\" }\n";

/// `api` is a process, `db` and `cache` are containers.
fn record() -> ClusterRecord {
    let mut definition = spec::parse("azora.toml", "shop", THREE.as_bytes()).unwrap();
    for (name, port) in [("db", 5000), ("cache", 6000)] {
        let service = definition
            .services
            .get_mut(&name.parse::<ServiceName>().unwrap());
        service.unwrap().runs = spec::Runs::Container(Box::new(spec::Container {
            image: Some(name.into()),
            port: Some(port),
            networks: vec![container::Attachment::to("default")],
            ..spec::Container::default()
        }));
    }
    let ports = [("api.0", 20_001), ("db.0", 20_002), ("cache.0", 20_003)];
    let ports = ports.map(|(id, port)| (id.parse().unwrap(), vec![port]));
    let id = "shop-00000000".parse().unwrap();
    let definition = Arc::new(definition);
    ClusterRecord {
        env: BTreeMap::from([("OF_THE_TERMINAL".into(), "1".into())]),
        ports: ports.into(),
        ..ClusterRecord::new(id, "/w/shop".into(), definition, model::Timestamp(0))
    }
}

fn id(name: &str) -> InstanceId {
    name.parse().unwrap()
}

fn seen(record: &ClusterRecord, by: &str, service: &str) -> (String, Option<u16>) {
    let own = id(by);
    let ports = Ports::new(record, &own);
    let service = service.parse().unwrap();
    (ports.host(&service), ports.port(&service))
}

#[test]
fn who_asks_for_whom_decides_where_it_is_reached() {
    let record = record();
    let here = |port| ("127.0.0.1".to_owned(), Some(port));
    assert_eq!(seen(&record, "api.0", "db"), here(20_002));
    assert_eq!(seen(&record, "api.0", "api"), here(20_001));
    assert_eq!(seen(&record, "cache.0", "db"), ("db".into(), Some(5_000)));
    assert_eq!(seen(&record, "db.0", "db"), ("db".into(), Some(5_000)));
    assert_eq!(seen(&record, "db.0", "api"), (MACHINE.into(), Some(20_001)));
}

#[test]
fn one_on_the_machines_own_network_sees_what_a_process_sees() {
    let mut record = record();
    let mut definition = spec::Cluster::clone(&record.definition);
    let service = definition
        .services
        .get_mut(&"db".parse::<ServiceName>().unwrap());
    service.unwrap().runs = spec::Runs::Container(Box::new(spec::Container {
        network_mode: Some("host".into()),
        ..spec::Container::default()
    }));
    record.definition = Arc::new(definition);
    assert_eq!(
        seen(&record, "db.0", "api"),
        ("127.0.0.1".into(), Some(20_001))
    );
    assert_eq!(
        seen(&record, "cache.0", "db"),
        (MACHINE.into(), Some(20_002))
    );
}

#[test]
fn containers_are_led_to_whatever_listens_on_the_machine_itself() {
    let mut record = record();
    let mut definition = spec::Cluster::clone(&record.definition);
    let name = |name: &str| name.parse::<ServiceName>().unwrap();
    let db = definition.services.get_mut(&name("db")).unwrap();
    db.runs = spec::Runs::Container(Box::new(spec::Container {
        network_mode: Some("host".into()),
        ..spec::Container::default()
    }));
    record.definition = Arc::new(definition);
    let asked = preparation(&record, &id("cache.0")).unwrap().reaches;
    assert_eq!(asked.targets, BTreeMap::from([(name("db"), 20_002)]));
    // What is led to at first stays so when somebody starts.
    for (service, port) in asked.targets {
        assert_eq!(led_to(&record, &service), Some(port));
    }
    assert_eq!(led_to(&record, &name("api")), Some(20_001), "a process");
    assert_eq!(led_to(&record, &name("cache")), None, "is on a network");
    assert_eq!(led_to(&record, &name("gone")), None);
}

#[test]
fn a_port_that_led_to_a_process_is_asked_for_again() {
    let mut record = record();
    let name = |name: &str| name.parse::<ServiceName>().unwrap();
    let way = crate::drivers::Way {
        gateway: [172, 18, 0, 1].into(),
        ports: BTreeMap::from([(name("api"), 27_123)]),
    };
    record.ways.insert(name("cache"), way);
    let asked = preparation(&record, &id("db.0")).unwrap().reaches;
    assert_eq!(asked.before, BTreeMap::from([(name("api"), 27_123)]));
}

#[tokio::test]
async fn a_container_gets_what_its_definition_says_and_nothing_of_the_terminals() {
    let (home, record) = (Home::new(), record());
    let layout = driver::Layout::new(home.path());
    let (events, _heard) = tokio::sync::mpsc::channel(1);
    let shim = config(&home).programs.join("azora-shim");
    let driver = ProcessDriver::open(layout, shim, events).unwrap();
    let made = |name: &str| {
        let (secrets, files) = (Secrets::default(), Files::default());
        let launch = launch(&record, &driver, &id(name), Generation(1), &secrets, &files);
        launch.map(|launch| launch.spec)
    };
    assert_eq!(made("api.0"), None);
    let db = made("db.0").unwrap();
    let env: Vec<_> = db.env.into_iter().collect();
    let expected = [
        ("API", "http://host.azora.internal:20001"),
        ("ME", "http://db:5000"),
    ];
    assert_eq!(
        env,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(db.ports, [Published::tcp(20_002, 5_000)]);
    assert_eq!(db.extra_hosts, ["host.azora.internal:host-gateway"]);
    assert_eq!(db.networks[0].network, "azora-shop-00000000");
    assert_eq!(db.networks[0].aliases, ["db"]);
    // It refers to no process, and not every daemon knows an address for this machine.
    assert_eq!(made("cache.0").unwrap().extra_hosts, Vec::<String>::new());
}

#[test]
fn what_is_relative_lies_in_the_clusters_folder() {
    let record = record();
    let bind = |source: &str| {
        let wanted = container::Mount::Bind {
            source: source.into(),
            target: "/x".into(),
            read_only: false,
            create: false,
            propagation: None,
            selinux: None,
            recursive: None,
        };
        match mount(&record, &wanted) {
            Mount::Bind { source, .. } => source,
            other => panic!("{other:?}"),
        }
    };
    for (source, expected) in [
        ("./init", "/w/shop/init"),
        ("../other/./a", "/w/other/a"),
        ("/etc/ssl", "/etc/ssl"),
        (".", "/w/shop"),
    ] {
        assert_eq!(bind(source), PathBuf::from(expected), "{source}");
    }
}

#[test]
fn a_volume_that_is_a_folder_is_told_where_that_lies() {
    let mut record = record();
    let mut definition = spec::Cluster::clone(&record.definition);
    let options = [("type", "none"), ("o", "bind"), ("device", "../etc")];
    let volume = container::Volume {
        driver_opts: options
            .map(|(key, value)| (key.into(), value.into()))
            .into(),
        ..container::Volume::default()
    };
    definition.volumes.insert("data".into(), volume);
    let service = definition
        .services
        .get_mut(&"db".parse::<ServiceName>().unwrap())
        .unwrap();
    service.runs = spec::Runs::Container(Box::new(spec::Container {
        mounts: vec![container::Mount::Volume {
            name: Some("data".into()),
            target: "/x".into(),
            read_only: false,
            nocopy: false,
            subpath: None,
            labels: BTreeMap::new(),
        }],
        ..spec::Container::default()
    }));
    record.definition = Arc::new(definition);
    let needed = preparation(&record, &id("db.0")).unwrap();
    assert_eq!(needed.volumes[0].0.options["device"], "/w/etc");
}
