//! Who has a port: the driver's look at the machine, with what the homes of this user remember of
//! the clusters. Needs no running engine, changes nothing and signals nobody.

use crate::record::ClusterRecord;
use crate::shared::RECORD;
use driver::holder::{Holder, Ours, Process};
use driver::{Layout, Reservation, homes};
use model::who::{HolderView, ParentView, PortView, Safe, StackView};
use model::{ClusterId, ServiceName};
use std::path::Path;

/// Who has `port`, as seen from the home `here`. Blocks for one look through `/proc`.
pub fn who(here: &Layout, port: u16) -> PortView {
    let mut holders: Vec<HolderView> = driver::holder::of(port)
        .into_iter()
        .map(|holder| view(here, holder))
        .collect();
    if holders.is_empty() {
        // A reservation that cannot be read hides nobody who listens.
        let reserved = driver::ports::reserved(here, port).ok().flatten();
        holders.extend(reserved.map(|reservation| only_reserved(here, reservation)));
    }
    PortView { port, holders }
}

fn view(here: &Layout, holder: Holder) -> HolderView {
    let addresses: Vec<String> = holder.addresses.iter().map(ToString::to_string).collect();
    let user = holder
        .user
        .clone()
        .or(holder.uid.map(|uid| uid.to_string()));
    let own = user.as_deref() == Some(driver::account().as_str());
    let Some(process) = holder.process else {
        return HolderView {
            addresses,
            user,
            safe: Safe::No,
            advice: "it belongs to another user, and only that user or root can see more of it"
                .into(),
            ..nobody()
        };
    };
    let stack = process.ours.as_ref().map(|ours| stack(here, ours));
    let engine_of = engine(process.pid);
    let (safe, advice) = match (&stack, &engine_of) {
        (Some(stack), _) => of_stack(here, stack),
        (None, Some(home)) => (
            Safe::No,
            format!("it is the engine of the home {home}; `azora serve --take-over` replaces it"),
        ),
        (None, None) => of_stranger(&process, own, user.as_deref()),
    };
    let parents = process.parents.into_iter();
    HolderView {
        addresses,
        pid: Some(process.pid),
        command: Some(process.command),
        user,
        since: process.since,
        parents: parents
            .map(|(pid, name)| ParentView { pid, name })
            .collect(),
        unit: process.unit,
        container: process.container,
        stack,
        engine_of,
        safe,
        advice,
    }
}

fn nobody() -> HolderView {
    HolderView {
        addresses: Vec::new(),
        pid: None,
        command: None,
        user: None,
        since: None,
        parents: Vec::new(),
        unit: None,
        container: None,
        stack: None,
        engine_of: None,
        safe: Safe::Look,
        advice: String::new(),
    }
}

/// A port that an instance has and does not listen on: it is down, or only starting.
fn only_reserved(here: &Layout, reservation: Reservation) -> HolderView {
    let homes = homes::all();
    // Where homes share nothing, only this one is known.
    let mut known = homes.iter().chain([here]);
    let home = known.find(|home| home.id() == reservation.home);
    let ours = home.map(|home| Ours {
        home: home.home().to_owned(),
        cluster: reservation.cluster.clone(),
        instance: reservation.instance.clone(),
        generation: None,
    });
    HolderView {
        user: Some(driver::account()),
        since: Some(reservation.since),
        stack: ours.map(|ours| stack(here, &ours)),
        safe: Safe::Yes,
        advice: format!(
            "nothing listens on it: it is reserved for {} of {}, and programs that are not \
             Azora's can use it",
            reservation.instance, reservation.cluster
        ),
        ..nobody()
    }
}

/// The home whose engine a process is.
fn engine(pid: u32) -> Option<String> {
    homes::all().into_iter().find_map(|home| {
        let holder = driver::lock::holder(&home)?;
        (holder.pid == pid).then(|| home.home().display().to_string())
    })
}

/// What is remembered of an instance.
fn stack(here: &Layout, ours: &Ours) -> StackView {
    let record = record(&ours.home, &ours.cluster);
    let definition = record.as_ref().map(|record| &record.definition);
    let service = definition.and_then(|all| all.services.get(&ours.instance.service));
    let needed_by: Vec<ServiceName> = definition
        .into_iter()
        .flat_map(|all| &all.services)
        .filter(|(_, other)| {
            // Who can do without it runs on.
            let need = other.need(&ours.instance.service);
            need.is_some_and(|need| need.required)
        })
        .map(|(name, _)| name.clone())
        .collect();
    StackView {
        home: ours.home.display().to_string(),
        here: *here == Layout::new(&ours.home),
        cluster: ours.cluster.clone(),
        folder: record
            .as_ref()
            .map(|record| record.folder.display().to_string()),
        instance: ours.instance.clone(),
        generation: ours.generation,
        protected: service.is_some_and(|service| service.protected),
        needed_by,
        origin: record.and_then(|record| record.origins.get(&ours.instance).cloned()),
    }
}

fn record(home: &Path, cluster: &ClusterId) -> Option<ClusterRecord> {
    let path = Layout::new(home).cluster(cluster).join(RECORD);
    ClusterRecord::load(&path).ok()
}

// === may it be stopped? ===

fn of_stack(here: &Layout, stack: &StackView) -> (Safe, String) {
    let service = &stack.instance.service;
    let stop = command(here, stack, service);
    if stack.protected {
        let why = format!("{service} is protected: stopping it is a person's decision; {stop}");
        return (Safe::No, why);
    }
    if stack.needed_by.is_empty() {
        return (Safe::Yes, format!("nothing needs it; {stop}"));
    }
    let names: Vec<&str> = stack.needed_by.iter().map(ServiceName::as_str).collect();
    let verb = if names.len() == 1 { "needs" } else { "need" };
    (
        Safe::Look,
        format!(
            "{} {verb} it and would be stopped with it; {stop}",
            names.join(", ")
        ),
    )
}

fn command(here: &Layout, stack: &StackView, service: &ServiceName) -> String {
    let home = match *here == Layout::new(&stack.home) {
        true => String::new(),
        false => format!(" --home {}", stack.home),
    };
    format!(
        "`azora stop {service} --cluster {}{home}` does it in order",
        stack.cluster
    )
}

fn of_stranger(process: &Process, own: bool, user: Option<&str>) -> (Safe, String) {
    if let Some(container) = &process.container {
        let how = "stop the container and not this process (`docker ps` and `podman ps` list them)";
        return (Safe::Look, format!("it is {container}; {how}"));
    }
    if let Some(unit) = &process.unit {
        return (
            if own { Safe::Look } else { Safe::No },
            format!("it is part of {unit}, a service of this system: `systemctl status {unit}`"),
        );
    }
    if !own {
        let user = user.unwrap_or("another user");
        return (Safe::No, format!("it belongs to {user}: ask them"));
    }
    let from = match process.parents.first() {
        Some((pid, name)) => format!("{name} (pid {pid})"),
        None => "a process that is gone".to_owned(),
    };
    let terminal = match process.terminal {
        true => "it runs in a terminal: end it there",
        false => "look at what it is before ending it",
    };
    (
        Safe::Look,
        format!("it is yours and not Azora's, started by {from}; {terminal}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> Process {
        Process {
            pid: 4711,
            command: "node server.js".into(),
            since: None,
            parents: vec![(4000, "zsh".into()), (3000, "tmux: server".into())],
            terminal: true,
            unit: None,
            container: None,
            ours: None,
        }
    }

    #[test]
    fn a_stranger_is_told_by_what_it_is_part_of() {
        let (safe, advice) = of_stranger(&process(), true, Some("me"));
        assert_eq!(safe, Safe::Look);
        assert!(advice.contains("started by zsh (pid 4000)"), "{advice}");
        assert!(advice.contains("in a terminal"), "{advice}");
        let (safe, advice) = of_stranger(&process(), false, Some("www-data"));
        assert_eq!(
            (safe, advice.as_str()),
            (Safe::No, "it belongs to www-data: ask them")
        );
        let unit = Process {
            unit: Some("nginx.service".into()),
            ..process()
        };
        let (safe, advice) = of_stranger(&unit, false, Some("root"));
        assert_eq!(safe, Safe::No);
        assert!(
            advice.contains("systemctl status nginx.service"),
            "{advice}"
        );
        let container = Process {
            container: Some("a container at 172.17.0.2:80".into()),
            ..process()
        };
        let (_, advice) = of_stranger(&container, false, Some("root"));
        assert!(advice.contains("stop the container"), "{advice}");
    }

    #[test]
    fn a_service_is_told_by_who_needs_it_and_how_it_is_stopped_in_order() {
        let here = Layout::new("/h");
        let mut stack = StackView {
            home: "/h".into(),
            here: true,
            cluster: "shop-0123abcd".parse().unwrap(),
            folder: None,
            instance: "db.0".parse().unwrap(),
            generation: None,
            protected: false,
            needed_by: vec![],
            origin: None,
        };
        let (safe, advice) = of_stack(&here, &stack);
        assert_eq!(safe, Safe::Yes);
        assert!(
            advice.contains("`azora stop db --cluster shop-0123abcd`"),
            "{advice}"
        );
        stack.needed_by = vec!["api".parse().unwrap(), "web".parse().unwrap()];
        let (safe, advice) = of_stack(&Layout::new("/other"), &stack);
        assert_eq!(safe, Safe::Look);
        assert!(advice.starts_with("api, web need it"), "{advice}");
        assert!(advice.contains("--home /h"), "{advice}");
        stack.protected = true;
        assert_eq!(of_stack(&here, &stack).0, Safe::No);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test listens to be found; nothing is served"
    )]
    fn a_free_port_has_nobody_and_a_taken_one_somebody() {
        let home = testkit::Home::new();
        let here = Layout::new(home.path());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = who(&here, port);
        assert_eq!(found.holders.len(), 1, "{found:?}");
        let holder = &found.holders[0];
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(holder.addresses, ["127.0.0.1"]);
        assert_eq!(holder.user.as_deref(), Some(driver::account().as_str()));
        assert!(holder.since.is_some() && holder.stack.is_none());
        drop(listener);
        assert_eq!(who(&here, port).holders, []);
    }
}
