//! What can only be seen of a whole project: names that nothing has, circles, and what follows from the rest.

use super::project::{Condition, Dependency, Mounted, Network, Project, Service};
use crate::yaml::{Files, Place};
use spec::{Problem, limits, quoted};
use std::collections::{BTreeMap, BTreeSet};

/// Where things stand.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The service that is being read.
    pub(super) of: String,
    pub(super) services: BTreeMap<String, Place>,
    /// A service, the kind of what it names, and what.
    pub(super) uses: BTreeMap<(String, &'static str, String), Place>,
}

/// Adds what follows, and says what does not fit together.
pub(super) fn check(project: &mut Project, places: &Places, files: &mut Files) {
    let networks = &mut project.networks;
    let all = project
        .services
        .values_mut()
        .chain(project.disabled.values_mut());
    for service in all {
        follow(service, networks, &project.name);
    }
    let known: BTreeSet<String> = project.services.keys().cloned().collect();
    let disabled: BTreeSet<String> = project.disabled.keys().cloned().collect();
    let mut check = Check {
        files,
        places,
        place: Place::default(),
        name: String::new(),
    };
    if places.services.len() > limits::MAX_SERVICES {
        let message = format!("more than {} services", limits::MAX_SERVICES);
        check.wrong(
            message,
            "run the others from a folder of their own".to_owned(),
        );
    }
    // Once, and not for each service: there may be many of both.
    let defined: [BTreeSet<&String>; 4] = [
        project.networks.keys().collect(),
        project.volumes.keys().collect(),
        project.secrets.keys().collect(),
        project.configs.keys().collect(),
    ];
    let all = project.services.iter_mut().chain(&mut project.disabled);
    for (name, service) in all {
        check.place = places.services.get(name).copied().unwrap_or_default();
        check.name.clone_from(name);
        check.needs(service, &known, &disabled);
        check.service(service);
        let used: [(&'static str, Vec<&String>); 4] = [
            ("network", service.networks.keys().collect()),
            ("volume", named_volumes(service)),
            (
                "secret",
                service.secrets.iter().map(|grant| &grant.source).collect(),
            ),
            (
                "config",
                service.configs.iter().map(|grant| &grant.source).collect(),
            ),
        ];
        for ((kind, used), known) in used.into_iter().zip(&defined) {
            for one in used.into_iter().filter(|one| !known.contains(one)) {
                check.undefined(kind, one, known);
            }
        }
    }
    let all = project.services.iter().chain(&project.disabled);
    if let Some(circle) = circle(all) {
        check.place = places.services.get(&circle[0]).copied().unwrap_or_default();
        check.wrong(
            format!(
                "services wait for each other in a circle: {}",
                circle.join(" → ")
            ),
            "take one depends_on, link or shared namespace out".to_owned(),
        );
    }
}

/// The default network, and the needs that links and shared namespaces are.
fn follow(service: &mut Service, networks: &mut BTreeMap<String, Network>, project: &str) {
    if service.network_mode.is_none() && service.networks.is_empty() {
        service
            .networks
            .insert("default".to_owned(), Default::default());
    }
    if service.networks.contains_key("default") {
        networks
            .entry("default".to_owned())
            .or_insert_with(|| Network {
                name: format!("{project}_default"),
                ..Network::default()
            });
    }
    let container = &service.container;
    let shared = [
        &service.network_mode,
        &container.ipc,
        &container.pid,
        &container.uts,
        &container.cgroup,
    ];
    let shared = shared
        .into_iter()
        .flatten()
        .filter_map(|said| said.strip_prefix("service:"));
    let links = service
        .links
        .iter()
        .map(|link| link.split(':').next().unwrap_or(link));
    for other in shared.chain(links) {
        let dependency = Dependency {
            condition: Condition::Started,
            restart: true,
            required: true,
        };
        service
            .depends_on
            .entry(other.to_owned())
            .or_insert(dependency);
    }
}

pub(super) fn named_volumes(service: &Service) -> Vec<&String> {
    let mounts = service.volumes.iter();
    mounts
        .filter_map(|mount| match &mount.what {
            Mounted::Volume { name, .. } => name.as_ref(),
            _ => None,
        })
        .collect()
}

struct Check<'f> {
    files: &'f mut Files,
    places: &'f Places,
    place: Place,
    name: String,
}

impl Check<'_> {
    fn wrong(&mut self, message: String, help: String) {
        self.say(|| (message, help));
    }

    fn say(&mut self, words: impl FnOnce() -> (String, String)) {
        self.say_at(self.place, words);
    }

    /// Made only when it is shown: a suggestion costs.
    fn say_at(&mut self, place: Place, words: impl FnOnce() -> (String, String)) {
        self.files.wrong(place, |span| {
            let (message, help) = words();
            Problem::new(span, message, "here").help(help)
        });
    }

    /// Needs of what is not there are dropped where they are not required.
    fn needs(
        &mut self,
        service: &mut Service,
        known: &BTreeSet<String>,
        disabled: &BTreeSet<String>,
    ) {
        let wanted = known.contains(&self.name);
        let needs: Vec<(String, bool)> = service
            .depends_on
            .iter()
            .map(|(other, dependency)| (other.clone(), dependency.required))
            .collect();
        for (other, required) in needs {
            if known.contains(&other) {
                continue;
            }
            if disabled.contains(&other) {
                if wanted && required {
                    let says = format!(
                        "{} is started with {}, whatever its profiles, because it is needed",
                        other, self.name
                    );
                    let place = self.place_of("service", &other);
                    self.files.note(place, says);
                }
                continue;
            }
            service.depends_on.remove(&other);
            if !required {
                continue;
            }
            let name = self.name.clone();
            let place = self.place_of("service", &other);
            self.say_at(place, || {
                let all = known.iter().chain(disabled).map(String::as_str);
                let help = match spec::nearest(&other, all) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "define it, or take it out".to_owned(),
                };
                (
                    format!(
                        "{name} depends on {}, and there is no such service",
                        quoted(&other)
                    ),
                    help,
                )
            });
        }
    }

    fn service(&mut self, service: &Service) {
        let name = self.name.clone();
        let runs = service.image.is_some() || service.build.is_some() || service.provider.is_some();
        if !runs {
            self.wrong(
                format!("{name} has neither an image nor a build"),
                "write image: nginx, or build: .".to_owned(),
            );
        }
        if service.network_mode.is_some() && !service.networks.is_empty() {
            self.wrong(
                format!("{name} has networks and a network_mode"),
                "write one of them".to_owned(),
            );
        }
        if service.container_name.is_some() && service.scale > 1 {
            self.wrong(
                format!(
                    "{name} has one container_name for {} instances",
                    service.scale
                ),
                "take container_name out".to_owned(),
            );
        }
        let mut targets = BTreeSet::new();
        let tmpfs = service
            .tmpfs
            .iter()
            .map(|it| it.split(':').next().unwrap_or(it));
        for target in service
            .volumes
            .iter()
            .map(|it| it.target.as_str())
            .chain(tmpfs)
        {
            if !targets.insert(target) {
                self.wrong(
                    format!("{name} has two mounts at {}", quoted(target)),
                    "take one of them out".to_owned(),
                );
            }
        }
    }

    /// Where the service names something.
    fn place_of(&self, kind: &'static str, what: &str) -> Place {
        let use_of = (self.name.clone(), kind, what.to_owned());
        self.places.uses.get(&use_of).copied().unwrap_or(self.place)
    }

    fn undefined(&mut self, kind: &'static str, one: &str, known: &BTreeSet<&String>) {
        let name = self.name.clone();
        let place = self.place_of(kind, one);
        self.say_at(place, || {
            let help = match spec::nearest(one, known.iter().map(|name| name.as_str())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("define it under {kind}s at the top of the file"),
            };
            (
                format!(
                    "{name} uses the {kind} {}, which is not defined",
                    quoted(one)
                ),
                help,
            )
        });
    }
}

/// Services that wait for each other, the first one twice.
fn circle<'s>(services: impl Iterator<Item = (&'s String, &'s Service)>) -> Option<Vec<String>> {
    // What has all its needs met is taken away until nothing is left, or only circles and what waits for them.
    let mut left: BTreeMap<&str, BTreeSet<&str>> = services
        .map(|(name, service)| {
            (
                name.as_str(),
                service.depends_on.keys().map(String::as_str).collect(),
            )
        })
        .collect();
    let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, needs) in &left {
        for need in needs {
            waiting.entry(need).or_default().push(name);
        }
    }
    let mut free: Vec<&str> = left
        .iter()
        .filter(|(_, needs)| needs.is_empty())
        .map(|(name, _)| *name)
        .collect();
    while let Some(name) = free.pop() {
        left.remove(name);
        for other in waiting.remove(name).unwrap_or_default() {
            if let Some(needs) = left.get_mut(other) {
                needs.remove(name);
                if needs.is_empty() {
                    free.push(other);
                }
            }
        }
    }
    let mut path: Vec<&str> = vec![left.keys().next()?];
    loop {
        let last = *path.last()?;
        let next = *left.get(last)?.iter().next()?;
        if let Some(begin) = path.iter().position(|name| *name == next) {
            let circle = path[begin..].iter().chain([&next]);
            return Some(circle.map(|name| (*name).to_owned()).collect());
        }
        path.push(next);
    }
}
