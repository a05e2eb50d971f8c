//! What of a definition makes a container as good as root on this machine. A person has to allow it, once: what was
//! allowed when the cluster was brought up last is allowed.

use crate::Error;
use crate::container::plain;
use crate::record::ClusterRecord;
use driver_docker::{Address, Surroundings};
use formats::compose::Followed;
use spec::Cluster;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Links that are followed one after the other: as many as the kernel follows.
const MAX_LINKS: usize = 40;

/// Each such thing that is not `allowed` yet, in words.
pub(crate) fn grave(folder: &Path, now: &Cluster, allowed: &BTreeSet<String>) -> Vec<String> {
    let mut all = of(folder, now);
    all.retain(|risk| !allowed.contains(risk));
    all
}

/// What was allowed of a cluster when it was brought up last.
///
/// It is what was told then, and not what its definition is told to reach now: a link may lead elsewhere since.
pub(crate) fn allowed(folder: &Path, before: Option<&ClusterRecord>) -> BTreeSet<String> {
    let Some(before) = before else {
        return BTreeSet::new();
    };
    let known = before.risks.clone();
    // An engine that wrote none down has asked about all there were.
    known.unwrap_or_else(|| of(folder, &before.definition).into_iter().collect())
}

/// Refuses what is neither `allowed` nor `said` to be; answers all there is, which is allowed from now on.
pub(crate) fn refuse(
    folder: &Path,
    now: &Cluster,
    allowed: &BTreeSet<String>,
    said: &[String],
) -> Result<BTreeSet<String>, Error> {
    let all = of(folder, now);
    let new = |risk: &&String| !allowed.contains(*risk) && !said.contains(risk);
    let new: Vec<String> = all.iter().filter(new).cloned().collect();
    match new.is_empty() {
        true => Ok(all.into_iter().collect()),
        false => Err(Error::Risks(new)),
    }
}

fn of(folder: &Path, cluster: &Cluster) -> Vec<String> {
    let root = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let sockets = sockets(&Surroundings::of_this_process());
    let real = |path: &str| {
        let said = root.join(path);
        // What is mounted is said without its `..`; what is opened is opened with them.
        let ways = [plain(said.clone()), said];
        ways.map(|way| told(&root, &sockets, follow(&way))).into()
    };
    let reached = formats::compose::reaches(cluster, &real);
    let grave = reached.into_iter().filter(|(_, what)| what.is_grave());
    grave.map(|(of, what)| format!("{of} {what}")).collect()
}

/// Where the daemons listen that are asked for containers, whatever their sockets are called.
fn sockets(around: &Surroundings) -> Vec<PathBuf> {
    let found = driver_docker::find(around).unwrap_or_default();
    let paths = found.into_iter().filter_map(|one| match one.address {
        Address::Unix(path) => Some(follow(&path).unwrap_or(path)),
        Address::Tcp(_) => None,
    });
    paths.collect()
}

fn told(root: &Path, sockets: &[PathBuf], found: Result<PathBuf, PathBuf>) -> Followed {
    match found {
        Ok(real) if sockets.iter().any(|socket| socket.starts_with(&real)) => {
            Followed::Daemon(real.display().to_string())
        }
        Ok(real) => {
            let real = real.strip_prefix(root).unwrap_or(&real);
            Followed::To(real.display().to_string())
        }
        Err(hidden) => Followed::Hidden(hidden.display().to_string()),
    }
}

/// Where an absolute path leads, with all its links followed, also when nothing is there: the container daemon would
/// make it there. `Err` is how far one could look, with the rest.
fn follow(path: &Path) -> Result<PathBuf, PathBuf> {
    let mut ahead: Vec<OsString> = parts(path).collect();
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(&part);
        // A link there leads each process that follows it elsewhere.
        if at.starts_with("/proc") {
            continue;
        }
        let found = std::fs::symlink_metadata(&at);
        let link = match found {
            Ok(found) if found.is_symlink() => std::fs::read_link(&at),
            Ok(_) => continue,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => continue,
            Err(error) => Err(error),
        };
        links += 1;
        let Some(to) = link.ok().filter(|_| links <= MAX_LINKS) else {
            at.extend(ahead.into_iter().rev());
            return Err(at);
        };
        // One that is absolute takes the place of all.
        at.pop();
        if to.is_absolute() {
            at = PathBuf::from("/");
        }
        ahead.extend(parts(&to));
    }
    Ok(at)
}

/// The names in a path, the last first.
fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    let parts = path.components().rev();
    parts.filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use spec::container::{Container, Mount};
    use spec::{Runs, parse};
    use std::os::unix::fs::symlink;

    fn cluster(change: impl Fn(&mut Container)) -> Cluster {
        let mut cluster = parse("azora.toml", "shop", b"[service.web]\nrun = \"web\"\n").unwrap();
        let mut container = Container::default();
        change(&mut container);
        for service in cluster.services.values_mut() {
            service.runs = Runs::Container(Box::new(container.clone()));
        }
        cluster
    }

    fn bind(source: &str) -> Mount {
        Mount::Bind {
            source: source.into(),
            target: "/x".into(),
            read_only: false,
            create: true,
            propagation: None,
            selinux: None,
            recursive: None,
        }
    }

    #[test]
    fn what_was_there_before_is_allowed_and_what_is_new_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let plain = cluster(|_| {});
        let privileged = cluster(|container| container.privileged = true);
        let both = cluster(|container| {
            container.privileged = true;
            container.pid = Some("host".into());
        });
        let told = |cluster| super::of(folder.path(), cluster).into_iter().collect();
        let of = |now, before| grave(folder.path(), now, &told(before));
        assert!(of(&plain, &plain).is_empty());
        let all = "web has all privileges on this machine".to_owned();
        assert_eq!(of(&privileged, &plain), [all.as_str()]);
        assert!(of(&privileged, &privileged).is_empty());
        let pid = "web shares the pid namespace of this machine";
        assert_eq!(of(&both, &privileged), [pid]);
        // What is said counts for itself, and not for what came after it was shown.
        let none = BTreeSet::new();
        let refused = refuse(folder.path(), &both, &none, std::slice::from_ref(&all));
        assert!(matches!(refused, Err(Error::Risks(new)) if new == [pid]));
        let known = refuse(folder.path(), &both, &[all].into(), &[pid.to_owned()]).unwrap();
        assert_eq!(known, told(&both));
        assert!(
            refuse(folder.path(), &plain, &known, &[])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_link_is_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        symlink("/etc", folder.path().join("config")).unwrap();
        let of = |source: &str| {
            grave(
                folder.path(),
                &cluster(|one| one.mounts = vec![bind(source)]),
                &BTreeSet::new(),
            )
        };
        assert!(of("./data").is_empty());
        assert!(of("./none").is_empty());
        let said = of("./config");
        assert_eq!(
            said,
            ["web can write /etc, outside of the project's folder"]
        );
        assert_eq!(
            of("/none/../etc"),
            ["web can write /etc, outside of the project's folder"]
        );
    }
    #[test]
    fn a_volume_can_be_a_path_whatever_it_says_to_be() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/etc", folder.path().join("config")).unwrap();
        let of = |device: &str, kind: &str| {
            let mut cluster = cluster(|_| {});
            let options = [("type", kind), ("o", "bind"), ("device", device)];
            let volume = spec::container::Volume {
                driver_opts: options
                    .map(|(key, value)| (key.into(), value.into()))
                    .into(),
                ..Default::default()
            };
            cluster.volumes.insert("data".into(), volume);
            grave(folder.path(), &cluster, &BTreeSet::new())
        };
        let written = "can write /etc, outside of the project's folder";
        assert_eq!(of("./config", "none"), [format!("volumes.data {written}")]);
        assert_eq!(
            of("/opt/../etc", "tmpfs"),
            [format!("volumes.data {written}")]
        );
        assert_eq!(of("/", "tmpfs").len(), 2, "the socket in it, and it");
        assert!(of("./data", "none").is_empty());
    }
    #[test]
    fn a_link_to_what_is_not_there_is_where_it_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("/etc/systemd/system", at("units")).unwrap();
        symlink("/etc/none/../none", at("dangling")).unwrap();
        symlink("units", at("twice")).unwrap();
        symlink("/proc/self/cwd", at("cwd")).unwrap();
        symlink("itself", at("itself")).unwrap();
        symlink("a".repeat(300), at("long")).unwrap();
        let of = |source: &str| {
            grave(
                folder.path(),
                &cluster(|one| one.mounts = vec![bind(source)]),
                &BTreeSet::new(),
            )
        };
        let root = std::fs::canonicalize(folder.path()).unwrap();
        let root = root.display();
        for (source, reached) in [
            ("./units/x.service.d", "/etc/systemd/system/x.service.d"),
            ("./twice/x.service.d", "/etc/systemd/system/x.service.d"),
            ("./dangling", "/etc/none"),
            ("./none/../units", "/etc/systemd/system"),
            ("./cwd/etc", "/proc/self/cwd/etc"),
        ] {
            let said = format!("web can write {reached}, outside of the project's folder");
            assert_eq!(of(source), [said], "{source}");
        }
        for (source, reached) in [
            ("./itself/x", format!("{root}/itself/x")),
            ("./long", format!("{root}/{}", "a".repeat(300))),
        ] {
            let said = format!("web gets {reached}, which leads where you may not look");
            assert_eq!(of(source), [said], "{source}");
        }
    }

    #[test]
    fn the_socket_of_the_daemon_that_is_used_is_one_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        let link = root.join("link");
        symlink(root.join("below"), &link).unwrap();
        let around = Surroundings {
            docker_host: Some(format!("unix://{}", link.join("odd").display())),
            ..Surroundings::default()
        };
        let sockets = sockets(&around);
        assert_eq!(sockets, [root.join("below/odd")]);
        let of = |path: &str| told(&root, &sockets, follow(&root.join(path)));
        for path in ["link/odd", "below", "below/odd", "."] {
            let found = of(path);
            assert!(matches!(found, Followed::Daemon(_)), "{path}: {found:?}");
        }
        for path in ["below/other", "beside"] {
            let found = of(path);
            assert!(matches!(found, Followed::To(_)), "{path}: {found:?}");
        }
    }
}
