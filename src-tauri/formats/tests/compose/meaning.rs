//! Whether a definition means what a project means, by comparing what both came to: independent of how one is written
//! and read.

use formats::compose::{Condition, Mounted, Project, Restart, Service, Test};
use model::Until;
use spec::container::{Check, Container, FileFrom, Mount};
use spec::{Cluster, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// What differs, in words.
pub(crate) fn differences(project: &Project, cluster: &Cluster) -> Vec<String> {
    let mut all = Vec::new();
    let names = names(project, cluster);
    let wanted: BTreeSet<&String> = project.all().map(|(name, _)| name).collect();
    let found: BTreeSet<&String> = names.keys().collect();
    differ(&mut all, "services", &wanted, &found);
    for (name, service) in project.all() {
        let Some(own) = names
            .get(name)
            .and_then(|own| cluster.services.get(own.as_str()))
        else {
            continue;
        };
        let Some(container) = own.runs.container() else {
            all.push(format!("{name} is no container"));
            continue;
        };
        let mut of = |what: &str, wanted: &dyn Debug, found: &dyn Debug| {
            differ(
                &mut all,
                &format!("{name}: {what}"),
                &format!("{wanted:?}"),
                &format!("{found:?}"),
            );
        };
        self::service(project, name, service, own, cluster, &names, &mut of);
        self::container(service, container, &mut of);
    }
    all
}

fn differ<T: PartialEq + Debug>(all: &mut Vec<String>, what: &str, wanted: &T, found: &T) {
    if wanted != found {
        all.push(format!("{what} is {found:?}, and should be {wanted:?}"));
    }
}

/// What services are called: by their own name, or by the alias they have for it.
fn names(project: &Project, cluster: &Cluster) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (name, _) in project.all() {
        let by_alias = cluster.services.iter().find(|(own, service)| {
            let container = service.runs.container();
            let networks = container.map(|container| container.networks.as_slice());
            let aliased = networks.unwrap_or_default().iter();
            own.as_str() == name
                || aliased
                    .flat_map(|one| &one.aliases)
                    .any(|alias| alias == name)
        });
        if let Some((own, _)) = by_alias {
            names.insert(name.clone(), own.to_string());
        }
    }
    // One without a network of its own has no alias.
    for (name, service) in project.all() {
        if service.network_mode.is_some() {
            let plain = name.to_lowercase().replace(['_', '.'], "-");
            let own = match plain.as_str() {
                "self" => "self-service",
                plain => plain,
            };
            names.insert(name.clone(), own.to_owned());
        }
    }
    names
}

type Of<'o> = dyn FnMut(&str, &dyn Debug, &dyn Debug) + 'o;

fn service(
    project: &Project,
    name: &str,
    service: &Service,
    own: &spec::Service,
    cluster: &Cluster,
    names: &BTreeMap<String, String>,
    of: &mut Of<'_>,
) {
    // Its variables, as a container gets them.
    let none = |_: &str| None;
    let variables = cluster.variables(own, &none).into_iter();
    let variables: BTreeMap<String, String> = variables
        .map(|(name, variable)| {
            let value = match variable.value {
                spec::Value::Text(text) => text,
                spec::Value::Template(template) => plain(template.clone()),
                spec::Value::Secret(_) => "a secret".to_owned(),
            };
            (name.to_owned(), value)
        })
        .collect();
    of("environment", &service.environment, &variables);
    let ends = project
        .all()
        .flat_map(|(_, other)| &other.depends_on)
        .any(|(other, need)| other == name && need.condition == Condition::Succeeded);
    let profiles: Vec<&String> = match project.disabled.contains_key(name) {
        true => service.profiles.iter().collect(),
        false => Vec::new(),
    };
    of("profiles", &profiles, &own.profiles);
    of("oneshot", &ends, &(own.kind == Kind::Oneshot));
    let wanted: BTreeSet<(String, Until, bool, bool)> = service
        .depends_on
        .iter()
        .map(|(other, need)| {
            let until = match need.condition {
                Condition::Started => Until::Started,
                Condition::Healthy => Until::Ready,
                Condition::Succeeded => Until::Succeeded,
            };
            (names[other].clone(), until, need.restart, need.required)
        })
        .collect();
    let found: BTreeSet<(String, Until, bool, bool)> = own
        .needs
        .iter()
        .map(|need| {
            (
                need.service.to_string(),
                need.until,
                need.restart,
                need.required,
            )
        })
        .collect();
    of("needs", &wanted, &found);
    let heals = service.restart != Restart::No || ends;
    of("heals", &heals, &own.heal.enabled);
    let policy = matches!(service.restart, Restart::No | Restart::OnFailure(_));
    let check = service.healthcheck.as_ref();
    let off = check.is_some_and(|check| check.test == Some(Test::Disabled));
    let asks = |probe: &Option<spec::Probe>| {
        let target = probe.as_ref().map(|probe| &probe.target);
        target == Some(&spec::ProbeTarget::Check)
    };
    let asked = (asks(&own.ready), asks(&own.health), own.ready_as_check);
    let wanted = !ends && !off;
    of("asked", &(wanted, wanted, wanted), &asked);
    of("may end", &(ends || policy), &own.may_end());
    if !ends {
        of("replicas", &service.scale, &own.replicas);
    }
    of("user", &service.user, &own.user);
    of(
        "grace",
        &service
            .stop_grace_period
            .unwrap_or(std::time::Duration::from_secs(10)),
        &own.stop.grace,
    );
    let limits = &service.limits;
    of("memory", &limits.memory, &own.limits.memory);
    of(
        "cpu",
        &limits.cpus.map(|cpus| (cpus * 1_000.0).round() as u32),
        &own.limits.cpu,
    );
    of(
        "processes",
        &limits.pids,
        &own.limits.processes.map(i64::from),
    );
    // A port on this machine for each that is published.
    let container = own.runs.container().unwrap();
    let main = own.port.map(|port| (port, container.port.unwrap_or(port)));
    let single = |text: &String| text.parse::<u16>().unwrap_or(0);
    let wanted: BTreeSet<(u16, u16)> = service
        .ports
        .iter()
        .map(|port| (port.published.as_ref().map_or(0, single), port.target))
        .map(|(host, target)| {
            (
                if service.scale > 1 && Some(target) != container.port {
                    0
                } else {
                    host
                },
                target,
            )
        })
        .collect();
    let found: BTreeSet<(u16, u16)> = container
        .publish
        .iter()
        .map(|one| {
            (
                one.host.and_then(|range| range.one()).unwrap_or(0),
                one.container,
            )
        })
        .chain(main)
        .collect();
    of("ports", &wanted, &found);
}

fn container(service: &Service, container: &Container, of: &mut Of<'_>) {
    of("image", &service.image, &container.image);
    let words = |words: &Option<Vec<spec::Template>>| {
        let words = words.as_ref()?;
        Some(words.iter().cloned().map(plain).collect::<Vec<String>>())
    };
    of("command", &service.command, &words(&container.command));
    of(
        "entrypoint",
        &service.entrypoint,
        &words(&container.entrypoint),
    );
    let build = service.build.as_ref();
    let context = |context: &str| match context {
        "." => String::new(),
        context => context.trim_start_matches("./").to_owned(),
    };
    of(
        "build",
        &build.map(|build| {
            (
                context(&build.context),
                &build.dockerfile,
                &build.args,
                &build.target,
            )
        }),
        &container.build.as_ref().map(|build| {
            (
                context(&build.context),
                &build.dockerfile,
                &build.args,
                &build.target,
            )
        }),
    );
    let tmpfs = service
        .tmpfs
        .iter()
        .map(|one| one.split(':').next().unwrap_or(one).to_owned());
    let wanted: BTreeSet<(String, &str)> = service
        .volumes
        .iter()
        .map(|mount| {
            let kind = match &mount.what {
                Mounted::Bind { .. } => "bind",
                Mounted::Volume { .. } => "volume",
                Mounted::Tmpfs { .. } => "tmpfs",
                Mounted::Image { .. } => "image",
                Mounted::Other(..) => "other",
            };
            (mount.target.clone(), kind)
        })
        .chain(tmpfs.map(|target| (target, "tmpfs")))
        .collect();
    let found: BTreeSet<(String, &str)> = container
        .mounts
        .iter()
        .map(|mount| {
            let kind = match mount {
                Mount::Bind { .. } => "bind",
                Mount::Volume { .. } => "volume",
                Mount::Tmpfs { .. } => "tmpfs",
                Mount::Image { .. } => "image",
            };
            (mount.target().to_owned(), kind)
        })
        .collect();
    of("mounts", &wanted, &found);
    let granted = service.secrets.iter().chain(&service.configs);
    let wanted: BTreeSet<(&String, Option<u32>)> =
        granted.map(|grant| (&grant.target, grant.mode)).collect();
    let found: BTreeSet<(&String, Option<u32>)> = container
        .files
        .iter()
        .map(|file| (&file.target, file.mode))
        .collect();
    of("files", &wanted, &found);
    for file in &container.files {
        assert!(!matches!(&file.from, FileFrom::File(path) if path.starts_with('~')));
    }
    let networks = match service.network_mode {
        Some(_) => 0,
        None => service.networks.len(),
    };
    of("networks", &networks, &container.networks.len());
    of("labels", &service.labels, &container.labels);
    let made = &service.container;
    of("init", &made.init, &container.init);
    of(
        "tty",
        &(made.tty, made.stdin_open, made.read_only, made.privileged),
        &(
            container.tty,
            container.stdin_open,
            container.read_only,
            container.privileged,
        ),
    );
    of(
        "capabilities",
        &(&made.cap_add, &made.cap_drop, &made.security_opt),
        &(
            &container.cap_add,
            &container.cap_drop,
            &container.security_opt,
        ),
    );
    of(
        "hosts",
        &(
            &made.extra_hosts,
            &made.dns,
            &made.dns_search,
            &made.sysctls,
        ),
        &(
            &container.extra_hosts,
            &container.dns,
            &container.dns_search,
            &container.sysctls,
        ),
    );
    of(
        "devices",
        &(made.devices.len(), made.device_requests.len()),
        &(container.devices.len(), container.device_requests.len()),
    );
    of(
        "names",
        &(
            &service.hostname,
            &service.domainname,
            &service.working_dir,
            &service.group_add,
        ),
        &(
            &container.hostname,
            &container.domainname,
            &container.working_dir,
            &container.group_add,
        ),
    );
    let limits = &service.limits;
    let resources = &container.resources;
    of(
        "resources",
        &(
            limits.memory_reservation,
            limits.memory_swap,
            limits.shm_size,
            limits.cpu_shares,
            &limits.cpuset,
            limits.oom_score_adj,
            limits.ulimits.len(),
            limits.blkio_weight,
        ),
        &(
            resources.memory_reservation,
            resources.memory_swap,
            resources.shm_size,
            resources.cpu_shares,
            &resources.cpuset,
            resources.oom_score_adj,
            resources.ulimits.len(),
            resources.blkio_weight,
        ),
    );
    let check = service.healthcheck.as_ref();
    let wanted = check.map(|check| match &check.test {
        Some(Test::Disabled) => None,
        Some(Test::Shell(line)) => Some(Some(vec!["CMD-SHELL".to_owned(), line.clone()])),
        Some(Test::Direct(words)) => Some(Some(
            ["CMD".to_owned()]
                .into_iter()
                .chain(words.clone())
                .collect(),
        )),
        None => Some(None),
    });
    let found = match &container.check {
        Check::OfImage => None,
        Check::Off => Some(None),
        Check::Given {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval,
        } => {
            let check = check.unwrap();
            of(
                "check's times",
                &(
                    check.interval,
                    check.timeout,
                    check.retries,
                    check.start_period,
                    check.start_interval,
                ),
                &(interval, timeout, retries, start_period, start_interval),
            );
            Some(Some(test.clone()))
        }
    };
    of("check", &wanted, &found);
}

/// A text without references in it.
fn plain(template: spec::Template) -> String {
    let parts = template.0.into_iter().map(|part| match part {
        spec::TemplatePart::Text(text) => text,
        other => format!("a reference: {other:?}"),
    });
    parts.collect()
}
