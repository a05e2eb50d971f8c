//! Networks that are defined otherwise, and ports that somebody else has.

use crate::bench::Bench;
use driver_docker::{Attachment, Network, Published, network_name};
use spec::container::Subnet;
use testkit::Engine;

/// A network is made anew when it is defined otherwise: who runs on it is on the new one, by the names it had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_defined_otherwise_is_made_anew_under_who_runs() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let name = network_name(&bench.cluster);
    let made = |internal| Network {
        name: name.clone(),
        internal,
        ..Network::default()
    };
    let (driver, cluster) = (bench.driver.clone(), bench.cluster.clone());
    assert_eq!(driver.network(&cluster, made(false)).await.unwrap(), None);
    assert_eq!(driver.network(&cluster, made(false)).await.unwrap(), None);
    let mut spec = bench.spec(&["hang"]);
    spec.network_mode = None;
    spec.networks = vec![Attachment {
        network: name.clone(),
        aliases: vec!["web".into()],
        ..Attachment::default()
    }];
    bench.run("a", 1, spec).await;
    let path = format!("/networks/{name}");
    let look = |bench: &Bench| bench.made.json("GET", &path).unwrap();
    let before = look(&bench);

    // Somebody else's container on it is not cut off.
    let guest = serde_json::json!({
        "Image": testkit::IMAGE,
        "Entrypoint": ["/puppet", "hang"],
        "HostConfig": {"NetworkMode": name},
    });
    let guests = format!("/containers/create?name=guest-{cluster}");
    bench.made.daemon.post(&guests, &guest).unwrap();
    let start = format!("/containers/guest-{cluster}/start");
    bench.made.daemon.ask("POST", &start, &[]).unwrap();
    let told = driver.network(&cluster, made(true)).await.unwrap();
    assert!(
        told.as_ref().is_some_and(|told| told.contains("guest-")),
        "{told:?}"
    );
    assert_eq!(look(&bench)["Id"], before["Id"]);
    let end = format!("/containers/guest-{cluster}?force=true");
    bench.made.daemon.ask("DELETE", &end, &[]).unwrap();

    let told = driver.network(&cluster, made(true)).await.unwrap();
    assert!(
        told.as_ref().is_some_and(|told| told.contains("made anew")),
        "{told:?}"
    );
    let after = look(&bench);
    assert_ne!(after["Id"], before["Id"]);
    assert_eq!(after["Internal"], true);
    assert_eq!(after["Containers"].as_object().unwrap().len(), 1, "{after}");
    let aliases = &bench.inspect("a").unwrap()["NetworkSettings"]["Networks"][&name]["Aliases"];
    assert!(
        aliases.as_array().unwrap().contains(&"web".into()),
        "{aliases}"
    );
    assert_eq!(driver.network(&cluster, made(true)).await.unwrap(), None);

    // What the daemon does not make: who runs stays on what was there.
    let other = format!("other-{cluster}");
    let others = serde_json::json!({ "Name": other });
    bench.made.daemon.post("/networks/create", &others).unwrap();
    let others = format!("/networks/{other}");
    let of_others = &bench.made.json("GET", &others).unwrap()["IPAM"]["Config"][0];
    let taken = Network {
        subnets: vec![Subnet {
            subnet: of_others["Subnet"].as_str().map(str::to_owned),
            ..Subnet::default()
        }],
        ..made(false)
    };
    for _ in 0..2 {
        let refused = driver.network(&cluster, taken.clone()).await.unwrap_err();
        let told = refused.to_string();
        assert!(told.contains("overlap"), "{told}");
        let now = look(&bench);
        assert_eq!(now["Internal"], true);
        for part in ["Options", "Labels", "IPAM"] {
            assert_eq!(now[part], after[part], "{now}");
        }
        assert_eq!(now["Containers"].as_object().unwrap().len(), 1, "{now}");
    }
    assert_eq!(driver.network(&cluster, made(true)).await.unwrap(), None);
}

/// Who has a port that it is to be published at is told by name, in our own words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_told_with_who_has_it() {
    let Some(mut bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    let network = network_name(&bench.cluster);
    let wanted = Network {
        name: network.clone(),
        ..Network::default()
    };
    bench.driver.network(&bench.cluster, wanted).await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test stands in for a program that has a port"
    )]
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut spec = bench.spec(&["hang"]);
    spec.network_mode = None;
    spec.networks = vec![Attachment {
        network: network.clone(),
        ..Attachment::default()
    }];
    spec.ports = vec![Published::tcp(port, 80)];
    bench.start("a", 1, spec.clone());
    let (why, again) = bench.refused().await;
    let me = format!("pid {}", std::process::id());
    assert!(again, "{why}");
    assert!(
        why.contains(&format!("port {port} of this machine")) && why.contains(&me),
        "{why}"
    );
    drop(taken);
    bench.run("a", 2, spec.clone()).await;
    bench.start("b", 1, spec);
    let (why, _) = bench.refused().await;
    let other = format!("the container azora-{}-a-0", bench.cluster);
    assert!(why.contains(&other), "{why}");
}
