//! A port of this machine that a container is to be reached at, and that somebody else has: which one, and who,
//! in words. A daemon says it in those of its own program.

use crate::daemon::{Daemon, Fault, QUICK, ask};
use crate::spec::Published;
use bollard::query_parameters::ListContainersOptionsBuilder;
use std::collections::HashMap;

/// How daemons and the kernel say it.
const SAID: [&str; 3] = [
    "port is already allocated",
    "address already in use",
    "ports are not available",
];

/// The one of these ports that this is about.
pub(crate) fn port(fault: &Fault, ports: &[Published]) -> Option<Published> {
    let Fault::Refused { message, .. } = fault else {
        return None;
    };
    if !SAID.iter().any(|said| message.contains(said)) {
        return None;
    }
    let named = |host: u16| {
        message
            .match_indices(&format!(":{host}"))
            .any(|(at, found)| {
                let rest = &message[at + found.len()..];
                !rest.starts_with(|c: char| c.is_ascii_digit())
            })
    };
    let fixed = |port: &&Published| {
        let single = port.host.filter(|(first, last)| first == last);
        single.is_some_and(|(host, _)| named(host))
    };
    ports.iter().find(fixed).copied()
}

/// Who has it, and what to do. `own` is the container that wants it.
pub(crate) async fn told(daemon: &Daemon, own: &str, port: Published) -> String {
    let host = port.host.map_or(0, |(host, _)| host);
    let who = match publisher(daemon, own, host, port.protocol.as_str()).await {
        Some(name) => format!("the container {name}"),
        None => {
            let looked = tokio::task::spawn_blocking(move || driver::who_listens(host));
            // A look that broke off has seen nobody.
            looked.await.unwrap_or_else(|_| "somebody else".to_owned())
        }
    };
    format!(
        "port {host} of this machine, at which its port {} is to be published, is held by {who}: end that, or \
         publish at another port, or at any: \"{}\"",
        port.container, port.container
    )
}

/// The container of the same daemon that publishes at a port.
async fn publisher(daemon: &Daemon, own: &str, port: u16, protocol: &str) -> Option<String> {
    let publish = HashMap::from([("publish".to_owned(), vec![format!("{port}/{protocol}")])]);
    let status = ("status".to_owned(), vec!["running".to_owned()]);
    let filters: HashMap<String, Vec<String>> = publish.into_iter().chain([status]).collect();
    let options = ListContainersOptionsBuilder::new()
        .filters(&filters)
        .build();
    let listed = ask(QUICK, daemon.api().list_containers(Some(options)))
        .await
        .ok()?;
    let bound = |one: &bollard::models::ContainerSummary| {
        let ports = one.ports.iter().flatten();
        ports
            .into_iter()
            .any(|bound| bound.public_port == Some(port))
    };
    let names = listed.into_iter().filter(bound).filter_map(|one| {
        let names = one.names.unwrap_or_default();
        names
            .first()
            .map(|name| name.trim_start_matches('/').to_owned())
    });
    names.into_iter().find(|name| name != own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(message: &str) -> Fault {
        Fault::Refused {
            status: 500,
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_port_is_found_in_what_daemons_say() {
        let ports = [Published::tcp(80, 1), Published::tcp(8080, 2)];
        let docker = "driver failed programming external connectivity on endpoint web (0a1b): Error starting \
                      userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use";
        let podman = "rootlessport listen tcp 127.0.0.1:8080: bind: address already in use";
        let other = "Bind for 127.0.0.1:8080 failed: port is already allocated";
        for said in [docker, podman, other] {
            assert_eq!(port(&fault(said), &ports), Some(ports[1]), "{said}");
        }
        assert_eq!(port(&fault("no such image: a:8080"), &ports), None);
        let range = [Published {
            host: Some((8000, 9000)),
            ..ports[1]
        }];
        assert_eq!(port(&fault(docker), &range), None);
    }
}
