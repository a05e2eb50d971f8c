//! This machine as the containers of a network reach it: the address that it has on the network's
//! bridge. Only where that bridge is one of this machine: a daemon elsewhere, in a virtual machine or
//! without root has its bridges where it is.

use crate::ContainerDriver;
use crate::daemon::{Fault, Kind, QUICK, ask};
use bollard::models::NetworkInspect;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

/// What names the bridge, where somebody has.
const NAME: &str = "com.docker.network.bridge.name";
/// Where this process's network devices are listed.
const DEVICES: &str = "/proc/self/net/dev";

/// Where the kernel shows them.
const SHOWN: &str = "/sys/class/net";

/// Where this machine is on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The bridge.
    pub device: String,
    /// The address of this machine on it.
    pub address: Ipv4Addr,
    /// So many bits of that are the network's.
    pub prefix: u8,
}

impl ContainerDriver {
    /// Where this machine is on a network of this name, or why nothing of this machine is there.
    ///
    /// # Errors
    /// When the daemon does not say.
    pub async fn gateway(&self, network: &str) -> Result<Result<Gateway, String>, Fault> {
        if self.daemon().kind == Kind::Podman {
            let why = "Podman makes a network's bridge with its first container, and takes it away \
                       with the last";
            return Ok(Err(why.to_owned()));
        }
        let found = ask(QUICK, self.daemon().api().inspect_network(network, None)).await?;
        Ok(gateway(&found, is_here).and_then(|gateway| {
            containers_alone(&found, &gateway.device, Path::new(SHOWN)).map(|()| gateway)
        }))
    }
}

fn gateway(network: &NetworkInspect, is_here: impl Fn(&str) -> bool) -> Result<Gateway, String> {
    let name = network.name.as_deref().unwrap_or_default();
    match network.driver.as_deref() {
        Some("bridge") => {}
        other => {
            let driver = other.unwrap_or("none");
            return Err(format!(
                "the network {name} is made by {driver} and has no bridge"
            ));
        }
    }
    let named = network.options.as_ref().and_then(|all| all.get(NAME));
    let device = named.cloned().unwrap_or_else(|| usual(network));
    if !is_here(&device) {
        return Err(format!(
            "the bridge of the network {name} is not one of this machine's: its daemon is somewhere \
             else, in a virtual machine, or runs without root"
        ));
    }
    let configs = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    let first = configs.into_iter().flatten().find_map(|config| {
        let (start, prefix) = config.subnet.as_deref()?.split_once('/')?;
        let start: Ipv4Addr = start.parse().ok()?;
        let given = config.gateway.as_deref();
        let given = given.and_then(|text| text.split('/').next()?.parse().ok());
        // Where none is named it is the first of the range.
        let first = || Ipv4Addr::from(u32::from(start).saturating_add(1));
        Some(Gateway {
            device: device.clone(),
            address: given.unwrap_or_else(first),
            prefix: prefix.parse().ok()?,
        })
    });
    first.ok_or_else(|| format!("the network {name} has no IPv4 addresses"))
}

/// As Docker calls a network's bridge: by an id that no other network anywhere has.
fn usual(network: &NetworkInspect) -> String {
    let id = network.id.as_deref().unwrap_or_default();
    format!("br-{}", id.get(..12).unwrap_or(id))
}

/// A bridge may have been there before its network, or somebody has put a device of the machine's into it:
/// then others than containers come in by it.
fn containers_alone(network: &NetworkInspect, bridge: &str, shown: &Path) -> Result<(), String> {
    let name = network.name.as_deref().unwrap_or_default();
    if bridge == usual(network) && !shown.join(bridge).exists() {
        // What is shown is of another network namespace, and Docker has made this one for its containers.
        return Ok(());
    }
    let others = others(bridge, shown).map_err(|error| {
        format!("it cannot be seen what is on {bridge}, the bridge of the network {name}: {error}")
    })?;
    match others.first() {
        None => Ok(()),
        Some(other) => Err(format!(
            "{other} is on {bridge}, the bridge of the network {name}, and others than containers \
             come in by that"
        )),
    }
}

/// The devices on a bridge that lead to no container.
fn others(bridge: &str, shown: &Path) -> io::Result<Vec<String>> {
    let mut others = Vec::new();
    for port in std::fs::read_dir(shown.join(bridge).join("brif"))? {
        let name = port?.file_name();
        if !is_pair(&shown.join(&name))? {
            others.push(name.to_string_lossy().into_owned());
        }
    }
    others.sort();
    Ok(others)
}

/// One end of a pair (veth), as containers are connected by. The kernel has no word for that there: it is
/// what is no hardware, of no named type, no tap, and on top of no other device.
fn is_pair(device: &Path) -> io::Result<bool> {
    let virtually = |path: &Path| path.iter().any(|part| part == "virtual");
    let typed = std::fs::read_to_string(device.join("uevent"))?.contains("DEVTYPE=");
    let has = |name: &str| device.join(name).exists();
    let mut below = false;
    for entry in std::fs::read_dir(device)? {
        below |= entry?.file_name().to_string_lossy().starts_with("lower_");
    }
    let other = typed || below || has("tun_flags") || has("bonding");
    Ok(virtually(&device.canonicalize()?) && !other)
}

fn is_here(device: &str) -> bool {
    let devices = std::fs::read_to_string(DEVICES).unwrap_or_default();
    listed(&devices, device)
}

fn listed(devices: &str, device: &str) -> bool {
    let mut names = devices.lines().filter_map(|line| line.split_once(':'));
    names.any(|(name, _)| name.trim() == device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::{Ipam, IpamConfig};
    use std::collections::HashMap;

    fn network(driver: &str, subnet: &str, gateway: Option<&str>) -> NetworkInspect {
        NetworkInspect {
            name: Some("azora-shop".into()),
            id: Some("0a1b2c3d4e5f60718293".into()),
            driver: Some(driver.into()),
            ipam: Some(Ipam {
                config: Some(vec![IpamConfig {
                    subnet: Some(subnet.into()),
                    gateway: gateway.map(str::to_owned),
                    ..IpamConfig::default()
                }]),
                ..Ipam::default()
            }),
            ..NetworkInspect::default()
        }
    }

    #[test]
    fn a_bridge_of_this_machine_is_known_by_the_id_of_its_network() {
        let here = |device: &str| device == "br-0a1b2c3d4e5f";
        let bridge = network("bridge", "172.18.0.0/16", Some("172.18.0.1"));
        let found = gateway(&bridge, here).unwrap();
        assert_eq!(found.device, "br-0a1b2c3d4e5f");
        assert_eq!((found.address, found.prefix), ([172, 18, 0, 1].into(), 16));
        let bare = network("bridge", "10.9.8.0/24", None);
        assert_eq!(
            gateway(&bare, here).unwrap().address,
            Ipv4Addr::new(10, 9, 8, 1)
        );
        let mut named = bridge.clone();
        named.options = Some(HashMap::from([(NAME.to_owned(), "shop0".to_owned())]));
        assert!(
            gateway(&named, here)
                .unwrap_err()
                .contains("somewhere else")
        );
        assert_eq!(
            gateway(&named, |device| device == "shop0").unwrap().device,
            "shop0"
        );
    }

    #[test]
    fn what_has_no_bridge_here_says_why() {
        let why = |network: &NetworkInspect, here: bool| gateway(network, |_| here).unwrap_err();
        let elsewhere = network("bridge", "172.18.0.0/16", Some("172.18.0.1"));
        assert!(why(&elsewhere, false).contains("runs without root"));
        let overlay = network("overlay", "172.18.0.0/16", Some("172.18.0.1"));
        assert!(why(&overlay, true).contains("made by overlay"));
        let six = network("bridge", "fd00::/64", Some("fd00::1"));
        assert!(why(&six, true).contains("no IPv4 addresses"));
    }

    #[test]
    fn a_bridge_that_more_than_containers_are_on_is_none() {
        let network = network("bridge", "192.168.1.0/24", None);
        let machine = testkit::Home::new();
        let shown = machine.path().join("class");
        let device = |name: &str, real: &str, uevent: &str| {
            let folder = machine.path().join("devices").join(real).join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("uevent"), uevent).unwrap();
            std::fs::create_dir_all(&shown).unwrap();
            std::os::unix::fs::symlink(&folder, shown.join(name)).unwrap();
            folder
        };
        assert_eq!(
            containers_alone(&network, "br-0a1b2c3d4e5f", &shown),
            Ok(())
        );
        let bridge = device("br0", "virtual/net", "DEVTYPE=bridge\n").join("brif");
        let alone = || containers_alone(&network, "br0", &shown);
        assert!(alone().unwrap_err().contains("cannot be seen"), "no bridge");
        std::fs::create_dir(&bridge).unwrap();
        assert_eq!(alone(), Ok(()));
        device("veth0a", "virtual/net", "INTERFACE=veth0a\nIFINDEX=7\n");
        std::fs::create_dir(bridge.join("veth0a")).unwrap();
        assert_eq!(alone(), Ok(()));
        let outside = |name: &str| {
            let port = bridge.join(name);
            std::fs::create_dir(&port).unwrap();
            let why = alone().unwrap_err();
            std::fs::remove_dir(&port).unwrap();
            assert!(why.starts_with(&format!("{name} is on br0")), "{why}");
        };
        device("eth0", "pci0000:00/net", "INTERFACE=eth0\n");
        outside("eth0");
        device("eth0.7", "virtual/net", "DEVTYPE=vlan\n");
        outside("eth0.7");
        let tap = device("tap0", "virtual/net", "");
        std::fs::write(tap.join("tun_flags"), "0x1002").unwrap();
        outside("tap0");
        let team = device("team0", "virtual/net", "");
        std::fs::write(team.join("lower_eth1"), "").unwrap();
        outside("team0");
        assert_eq!(alone(), Ok(()));
    }

    #[test]
    fn a_device_is_found_by_its_whole_name() {
        let devices = "Inter-|   Receive\n face |bytes\n    lo: 1 2\nbr-0a1b: 0 0\n";
        assert!(listed(devices, "lo") && listed(devices, "br-0a1b"));
        assert!(!listed(devices, "br-0a") && !listed(devices, "br-0a1b2"));
    }
}
