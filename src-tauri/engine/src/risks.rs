//! What of a definition makes a container as good as root on this machine. A person has to allow it, once: what the
//! definition that was brought up last had as well is allowed.

use crate::Error;
use spec::Cluster;
use std::path::Path;

/// Each such thing that `before` did not have, in words.
pub(crate) fn grave(folder: &Path, now: &Cluster, before: Option<&Cluster>) -> Vec<String> {
    let known = before.map(|before| of(folder, before)).unwrap_or_default();
    let all = of(folder, now);
    all.into_iter()
        .filter(|risk| !known.contains(risk))
        .collect()
}

/// Refuses what nobody has allowed.
pub(crate) fn refuse(
    folder: &Path,
    now: &Cluster,
    before: Option<&Cluster>,
    allowed: bool,
) -> Result<(), Error> {
    let risks = grave(folder, now, before);
    match allowed || risks.is_empty() {
        true => Ok(()),
        false => Err(Error::Risks(risks)),
    }
}

fn of(folder: &Path, cluster: &Cluster) -> Vec<String> {
    let root = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let real = |path: &str| {
        // What is not there leads nowhere else.
        let Ok(real) = std::fs::canonicalize(root.join(path)) else {
            return path.to_owned();
        };
        match real.strip_prefix(&root) {
            Ok(within) => within.display().to_string(),
            Err(_) => real.display().to_string(),
        }
    };
    let reached = formats::compose::reaches(cluster, &real);
    let grave = reached.into_iter().filter(|(_, what)| what.is_grave());
    grave.map(|(of, what)| format!("{of} {what}")).collect()
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
        let of = |now, before| grave(folder.path(), now, before);
        assert!(of(&plain, None).is_empty());
        assert_eq!(
            of(&privileged, Some(&plain)),
            ["web has all privileges on this machine"]
        );
        assert!(of(&privileged, Some(&privileged)).is_empty());
        assert_eq!(
            of(&both, Some(&privileged)),
            ["web shares the pid namespace of this machine"]
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
                None,
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
            grave(folder.path(), &cluster, None)
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
}
