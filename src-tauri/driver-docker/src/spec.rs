//! What a container is made of, as plain values, and the daemon's own words for it.
//!
//! Nothing in it names a restart policy: a container has one owner, and that is not the daemon.

use crate::find::hex;
use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointSettings, HealthConfig, HostConfig,
    HostConfigLogConfig, Mount as ApiMount, MountTmpfsOptions, MountType, NetworkingConfig,
    PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};
use driver::SecretText;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// What the daemon keeps of a container's output: three files of so many bytes, in which a short line
/// takes some eighty. The home has its own copy, within its own bound; this is how far that may be
/// behind before lines are lost. With two files of 16 MB a burst of 400,000 lines was halved.
const LOG_FILE: &str = "32m";
const LOG_FILES: &str = "3";

/// What a container is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ContainerSpec {
    /// The image, as `docker run` takes it.
    pub image: String,
    /// In place of the image's entry point; empty for none.
    pub entrypoint: Option<Vec<String>>,
    /// In place of the image's command.
    pub command: Option<Vec<String>>,
    /// Variables, over the image's.
    pub env: BTreeMap<String, String>,
    /// Variables that no file of ours may hold. The daemon keeps them with the container.
    pub secrets: BTreeMap<String, Secret>,
    /// Working folder, in place of the image's.
    pub working_dir: Option<String>,
    /// User, in place of the image's: name or number, and a group after a colon.
    pub user: Option<String>,
    /// Groups it is in besides.
    pub group_add: Vec<String>,
    /// Its own name on its networks, in place of its id.
    pub hostname: Option<String>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// The networks it is on, by name.
    pub networks: Vec<Attachment>,
    /// `none`, `host` or `container:NAME` in place of networks.
    pub network_mode: Option<String>,
    /// Ports of it that are reached from outside.
    pub ports: Vec<Published>,
    /// Labels, besides those by which it is known.
    pub labels: BTreeMap<String, String>,
    /// What the daemon asks it to know whether it is well.
    pub health: Health,
    /// The signal that asks it to stop, in place of the image's; only noted: who stops it says one.
    pub stop_signal: Option<String>,
    /// What it may use.
    pub limits: Limits,
    /// Limits of each process by name (`nproc`): soft and hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// It gets a terminal.
    pub tty: bool,
    /// Its standard input stays open.
    pub stdin_open: bool,
    /// A small init is its first process.
    pub init: bool,
    /// Its own files cannot be written.
    pub read_only: bool,
    /// Capabilities it gets besides.
    pub cap_add: Vec<String>,
    /// Capabilities it does not get.
    pub cap_drop: Vec<String>,
    /// It may do what root of the machine may.
    pub privileged: bool,
    /// Devices: on the machine, in it, and what it may do (`rwm`).
    pub devices: Vec<(String, String, String)>,
    /// Options of the security modules.
    pub security_opt: Vec<String>,
    /// Names and their addresses, `HOST:ADDRESS`.
    pub extra_hosts: Vec<String>,
    /// Name servers, domains that are searched, options of the resolver.
    pub dns: Vec<String>,
    /// Domains that are searched.
    pub dns_search: Vec<String>,
    /// Options of the resolver.
    pub dns_opt: Vec<String>,
    /// Settings of the kernel that are a namespace's own.
    pub sysctls: BTreeMap<String, String>,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// Whose processes it sees: `host`, `container:NAME`.
    pub pid_mode: Option<String>,
    /// With whom it shares memory: `host`, `private`, `shareable`, `container:NAME`.
    pub ipc_mode: Option<String>,
}

/// A value that is not to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The value.
    pub text: SecretText,
    /// What may be written down of it; the same for the same value. See `ProcessDriver::fingerprint`.
    pub fingerprint: String,
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.fingerprint)
    }
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Mount {
    /// A file or folder of the machine, which must be there.
    Bind {
        /// Where it is.
        source: PathBuf,
        /// Where it appears.
        target: String,
        /// It cannot be written.
        read_only: bool,
    },
    /// A volume of the daemon, by name.
    Volume {
        /// Its name.
        name: String,
        /// Where it appears.
        target: String,
        /// It cannot be written.
        read_only: bool,
    },
    /// Files in memory that end with the container.
    Tmpfs {
        /// Where they appear.
        target: String,
        /// Most bytes.
        size: Option<u64>,
    },
}

/// A network a container is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Which.
    pub network: String,
    /// How others find it there.
    pub aliases: Vec<String>,
}

/// A port that is reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Where on the machine.
    pub address: IpAddr,
    /// Which port there.
    pub host: u16,
    /// Which port of the container.
    pub container: u16,
    /// How.
    pub protocol: Protocol,
}

impl Published {
    /// A TCP port, on loopback.
    pub fn tcp(host: u16, container: u16) -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            host,
            container,
            protocol: Protocol::Tcp,
        }
    }
}

/// How a port is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// What the daemon asks a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub enum Health {
    /// What the image says, if anything.
    #[default]
    OfImage,
    /// Nothing, whatever the image says.
    Off,
    /// This, as Docker's `HEALTHCHECK` has it: the first word is `CMD` or `CMD-SHELL`.
    Check {
        /// What is run.
        test: Vec<String>,
        /// How often.
        interval: Option<Duration>,
        /// How long it may take.
        timeout: Option<Duration>,
        /// How often it may fail.
        retries: Option<u32>,
        /// For how long failures do not count.
        start_period: Option<Duration>,
    },
}

/// What a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Limits {
    /// Bytes of memory, swap included.
    pub memory: Option<u64>,
    /// Processor time, in thousandths of a core.
    pub cpu: Option<u32>,
    /// Processes and threads at once.
    pub processes: Option<u32>,
    /// Open files of each process.
    pub files: Option<u64>,
}

impl ContainerSpec {
    /// The same for specs that make the same container, secrets included, of which it gives nothing
    /// away.
    pub fn hash(&self) -> String {
        // Nothing in it fails to be written: its maps have texts for keys.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(text))
    }

    /// In the daemon's words.
    pub(crate) fn body(&self, labels: HashMap<String, String>) -> ContainerCreateBody {
        let secrets = self.secrets.iter();
        let env = self
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .chain(secrets.map(|(name, secret)| format!("{name}={}", secret.text.reveal())));
        let ports = |port: &Published| format!("{}/{}", port.container, port.protocol.word());
        ContainerCreateBody {
            hostname: self.hostname.clone(),
            user: self.user.clone(),
            tty: Some(self.tty),
            open_stdin: Some(self.stdin_open),
            attach_stdout: Some(false),
            attach_stderr: Some(false),
            exposed_ports: some(self.ports.iter().map(ports).collect()),
            env: some(env.collect()),
            cmd: self.command.clone(),
            entrypoint: self.entrypoint.clone(),
            healthcheck: self.health.body(),
            image: Some(self.image.clone()),
            working_dir: self.working_dir.clone(),
            labels: Some(labels),
            stop_signal: self.stop_signal.clone(),
            host_config: Some(self.host()),
            networking_config: self.first_network(),
            ..ContainerCreateBody::default()
        }
    }

    fn host(&self) -> HostConfig {
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for port in &self.ports {
            let key = format!("{}/{}", port.container, port.protocol.word());
            let binding = PortBinding {
                host_ip: Some(port.address.to_string()),
                host_port: Some(port.host.to_string()),
            };
            let list = bindings.entry(key).or_default();
            list.get_or_insert_default().push(binding);
        }
        let mut ulimits = self.ulimits.clone();
        if let Some(files) = self.limits.files.map(whole) {
            ulimits.insert("nofile".into(), (files, files));
        }
        let network = self.networks.first().map(|first| first.network.clone());
        HostConfig {
            memory: self.limits.memory.map(whole),
            memory_swap: self.limits.memory.map(whole),
            nano_cpus: self.limits.cpu.map(|cpu| i64::from(cpu) * 1_000_000),
            pids_limit: self.limits.processes.map(i64::from),
            ulimits: some(ulimits.iter().map(ulimit).collect()),
            mounts: some(self.mounts.iter().map(Mount::body).collect()),
            network_mode: self.network_mode.clone().or(network),
            port_bindings: some(bindings),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".into()),
                config: Some(HashMap::from([
                    ("max-size".into(), LOG_FILE.into()),
                    ("max-file".into(), LOG_FILES.into()),
                ])),
            }),
            init: self.init.then_some(true),
            readonly_rootfs: Some(self.read_only),
            cap_add: some(self.cap_add.clone()),
            cap_drop: some(self.cap_drop.clone()),
            privileged: Some(self.privileged),
            devices: some(self.devices.iter().map(device).collect()),
            security_opt: some(self.security_opt.clone()),
            extra_hosts: some(self.extra_hosts.clone()),
            dns: some(self.dns.clone()),
            dns_search: some(self.dns_search.clone()),
            dns_options: some(self.dns_opt.clone()),
            group_add: some(self.group_add.clone()),
            sysctls: some(self.sysctls.clone().into_iter().collect()),
            shm_size: self.shm_size.map(whole),
            pid_mode: self.pid_mode.clone(),
            ipc_mode: self.ipc_mode.clone(),
            ..HostConfig::default()
        }
    }

    /// The API takes one network when a container is made; it is put on the others afterwards.
    fn first_network(&self) -> Option<NetworkingConfig> {
        let first = self.networks.first()?;
        let settings = HashMap::from([(first.network.clone(), first.settings())]);
        Some(NetworkingConfig {
            endpoints_config: Some(settings),
        })
    }
}

impl Attachment {
    pub(crate) fn settings(&self) -> EndpointSettings {
        EndpointSettings {
            aliases: some(self.aliases.clone()),
            ..EndpointSettings::default()
        }
    }
}

impl Mount {
    fn body(&self) -> ApiMount {
        match self {
            Mount::Bind {
                source,
                target,
                read_only,
            } => ApiMount {
                typ: Some(MountType::BIND),
                source: Some(source.to_string_lossy().into_owned()),
                target: Some(target.clone()),
                read_only: Some(*read_only),
                ..ApiMount::default()
            },
            Mount::Volume {
                name,
                target,
                read_only,
            } => ApiMount {
                typ: Some(MountType::VOLUME),
                source: Some(name.clone()),
                target: Some(target.clone()),
                read_only: Some(*read_only),
                ..ApiMount::default()
            },
            Mount::Tmpfs { target, size } => ApiMount {
                typ: Some(MountType::TMPFS),
                target: Some(target.clone()),
                tmpfs_options: size.map(|size| MountTmpfsOptions {
                    size_bytes: Some(whole(size)),
                    ..MountTmpfsOptions::default()
                }),
                ..ApiMount::default()
            },
        }
    }

    /// Where it appears.
    pub(crate) fn target(&self) -> &str {
        match self {
            Mount::Bind { target, .. }
            | Mount::Volume { target, .. }
            | Mount::Tmpfs { target, .. } => target,
        }
    }
}

impl Health {
    fn body(&self) -> Option<HealthConfig> {
        let nanos = |time: &Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        match self {
            Health::OfImage => None,
            Health::Off => Some(HealthConfig {
                test: Some(vec!["NONE".into()]),
                ..HealthConfig::default()
            }),
            Health::Check {
                test,
                interval,
                timeout,
                retries,
                start_period,
            } => Some(HealthConfig {
                test: Some(test.clone()),
                interval: interval.as_ref().map(nanos),
                timeout: timeout.as_ref().map(nanos),
                retries: retries.map(i64::from),
                start_period: start_period.as_ref().map(nanos),
                start_interval: None,
            }),
        }
    }
}

/// What the API takes for a number of bytes.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ulimit((name, (soft, hard)): (&String, &(i64, i64))) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(*soft),
        hard: Some(*hard),
    }
}

fn device((host, container, rights): &(String, String, String)) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(host.clone()),
        path_in_container: Some(container.clone()),
        cgroup_permissions: Some(rights.clone()),
    }
}

/// Nothing for what is empty: the daemon's own default.
fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> BTreeMap<String, Secret> {
        let secret = Secret {
            text: SecretText::new(text.into()),
            fingerprint: hex(&Sha256::digest(text)),
        };
        BTreeMap::from([("S".into(), secret)])
    }

    #[test]
    fn a_hash_tells_specs_apart_and_gives_no_secret_away() {
        let spec = ContainerSpec {
            image: "a".into(),
            secrets: secret("open sesame"),
            ..ContainerSpec::default()
        };
        assert_eq!(spec.hash(), spec.clone().hash());
        let other = ContainerSpec {
            secrets: secret("open barley"),
            ..spec.clone()
        };
        assert_ne!(spec.hash(), other.hash());
        let text = serde_json::to_string(&spec).unwrap();
        assert!(!text.contains("sesame"), "{text}");
        assert!(!format!("{spec:?}").contains("sesame"));
    }

    #[test]
    fn the_daemon_is_told_never_to_restart_and_to_publish_on_loopback() {
        let spec = ContainerSpec {
            ports: vec![Published::tcp(8080, 80)],
            ..ContainerSpec::default()
        };
        let host = spec.body(HashMap::new()).host_config.unwrap();
        let policy = host.restart_policy.unwrap().name;
        assert_eq!(policy, Some(RestartPolicyNameEnum::NO));
        let bindings = host.port_bindings.unwrap();
        let binding = &bindings["80/tcp"].as_ref().unwrap()[0];
        assert_eq!(binding.host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(binding.host_port.as_deref(), Some("8080"));
    }
}
