//! The daemon's own words for what a container is made of.

use crate::find::hex;
use crate::spec::{Attachment, ContainerSpec, Health, Mount, Published};
use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest as ApiDeviceRequest, EndpointIpamConfig,
    EndpointSettings, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig,
    Mount as ApiMount, MountBindOptions, MountImageOptions, MountTmpfsOptions, MountType,
    MountVolumeOptions, NetworkingConfig, PortBinding, ResourcesBlkioWeightDevice,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum, ThrottleDevice,
};
use sha2::{Digest, Sha256};
use spec::container::{Device, DeviceRequest, DiskUse, Ulimit};
use std::collections::HashMap;
use std::time::Duration;

/// What the daemon keeps of a container's output: three files of so many bytes, in which a short line
/// takes some eighty. The home has its own copy, within its own bound; this is how far that may be
/// behind before lines are lost. With two files of 16 MB a burst of 400,000 lines was halved.
const LOG_FILE: &str = "32m";
const LOG_FILES: &str = "3";

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
        ContainerCreateBody {
            hostname: self.hostname.clone(),
            domainname: self.domainname.clone(),
            user: self.user.clone(),
            tty: Some(self.tty),
            open_stdin: Some(self.stdin_open),
            attach_stdout: Some(false),
            attach_stderr: Some(false),
            exposed_ports: some(self.ports.iter().map(Published::key).collect()),
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
            let list = bindings.entry(port.key()).or_default();
            list.get_or_insert_default().push(port.binding());
        }
        let resources = &self.resources;
        let mut ulimits = resources.ulimits.clone();
        if let Some(files) = self.limits.files.map(whole) {
            let files = Ulimit {
                soft: files,
                hard: files,
            };
            ulimits.insert("nofile".into(), files);
        }
        let network = self.networks.first().map(|first| first.network.clone());
        let (binds, mounts): (Vec<_>, Vec<_>) =
            self.mounts.iter().partition(|mount| mount.is_bind_text());
        let disks = |wanted: DiskUse| {
            let disks = resources.blkio.iter().filter(move |one| one.what == wanted);
            let disks = disks.map(|one| ThrottleDevice {
                path: Some(one.path.clone()),
                rate: Some(whole(one.limit)),
            });
            some(disks.collect::<Vec<_>>())
        };
        let weights = resources.blkio.iter();
        let weights = weights.filter(|one| one.what == DiskUse::Weight);
        let weights = weights.map(|one| ResourcesBlkioWeightDevice {
            path: Some(one.path.clone()),
            weight: usize::try_from(one.limit).ok(),
        });
        HostConfig {
            memory: self.limits.memory.map(whole),
            // Swap would let it have more than its limit without being told.
            memory_swap: resources.memory_swap.or(self.limits.memory.map(whole)),
            memory_reservation: resources.memory_reservation.map(whole),
            memory_swappiness: resources.memory_swappiness,
            // The daemon takes one of the two ways to say it.
            nano_cpus: match resources.cpu_quota {
                Some(_) => None,
                None => self.limits.cpu.map(|cpu| i64::from(cpu) * 1_000_000),
            },
            cpu_shares: resources.cpu_shares,
            cpu_quota: resources.cpu_quota,
            cpu_period: resources.cpu_period,
            cpu_realtime_period: resources.cpu_rt_period,
            cpu_realtime_runtime: resources.cpu_rt_runtime,
            cpuset_cpus: resources.cpuset.clone(),
            blkio_weight: resources
                .blkio_weight
                .and_then(|weight| weight.try_into().ok()),
            blkio_weight_device: some(weights.collect()),
            blkio_device_read_bps: disks(DiskUse::ReadBytes),
            blkio_device_write_bps: disks(DiskUse::WriteBytes),
            blkio_device_read_iops: disks(DiskUse::Reads),
            blkio_device_write_iops: disks(DiskUse::Writes),
            oom_score_adj: resources.oom_score_adj,
            oom_kill_disable: resources.oom_kill_disable.then_some(true),
            pids_limit: self.limits.processes.map(i64::from),
            ulimits: some(ulimits.iter().map(ulimit).collect()),
            shm_size: resources.shm_size.map(whole),
            binds: some(binds.into_iter().map(Mount::text).collect()),
            mounts: some(mounts.into_iter().map(Mount::body).collect()),
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
            init: self.init,
            readonly_rootfs: Some(self.read_only),
            cap_add: some(self.cap_add.clone()),
            cap_drop: some(self.cap_drop.clone()),
            privileged: Some(self.privileged),
            devices: some(self.devices.iter().map(device).collect()),
            device_cgroup_rules: some(self.device_cgroup_rules.clone()),
            device_requests: some(self.device_requests.iter().map(request).collect()),
            security_opt: some(self.security_opt.clone()),
            extra_hosts: some(self.extra_hosts.clone()),
            dns: some(self.dns.clone()),
            dns_search: some(self.dns_search.clone()),
            dns_options: some(self.dns_opt.clone()),
            group_add: some(self.group_add.clone()),
            sysctls: some(self.sysctls.clone().into_iter().collect()),
            annotations: some(self.annotations.clone().into_iter().collect()),
            pid_mode: self.pid_mode.clone(),
            ipc_mode: self.ipc_mode.clone(),
            uts_mode: self.uts_mode.clone(),
            userns_mode: self.userns_mode.clone(),
            cgroupns_mode: match self.cgroupns_mode.as_deref() {
                Some("host") => Some(HostConfigCgroupnsModeEnum::HOST),
                Some("private") => Some(HostConfigCgroupnsModeEnum::PRIVATE),
                _ => None,
            },
            cgroup_parent: self.cgroup_parent.clone(),
            runtime: self.runtime.clone(),
            storage_opt: some(self.storage_opt.clone().into_iter().collect()),
            ..HostConfig::default()
        }
    }

    /// The API takes one network when a container is made; it is put on the others afterwards.
    fn first_network(&self) -> Option<NetworkingConfig> {
        let first = self.networks.first()?;
        let mut settings = first.settings();
        settings.mac_address = settings.mac_address.or(self.mac_address.clone());
        Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(first.network.clone(), settings)])),
        })
    }
}

impl Attachment {
    pub(crate) fn settings(&self) -> EndpointSettings {
        let addresses = EndpointIpamConfig {
            ipv4_address: self.ipv4_address.clone(),
            ipv6_address: self.ipv6_address.clone(),
            link_local_ips: some(self.link_local_ips.clone()),
        };
        EndpointSettings {
            aliases: some(self.aliases.clone()),
            ipam_config: some(addresses),
            mac_address: self.mac_address.clone(),
            driver_opts: some(self.driver_opts.clone().into_iter().collect()),
            gw_priority: self.gw_priority,
            ..EndpointSettings::default()
        }
    }
}

impl Published {
    fn key(&self) -> String {
        format!("{}/{}", self.container, self.protocol.as_str())
    }

    fn binding(&self) -> PortBinding {
        let host = match self.host {
            // The daemon chooses one.
            None => String::new(),
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first}-{last}"),
        };
        PortBinding {
            host_ip: Some(self.address.to_string()),
            host_port: Some(host),
        }
    }
}

impl Mount {
    /// Only the older way to say it knows this: a folder that is made, a label for SELinux.
    fn is_bind_text(&self) -> bool {
        matches!(
            self,
            Mount::Bind {
                create: true,
                recursive: None,
                ..
            } | Mount::Bind {
                selinux: Some(_),
                ..
            }
        )
    }

    /// `SOURCE:TARGET:OPTIONS`.
    fn text(&self) -> String {
        let Mount::Bind {
            source,
            target,
            read_only,
            propagation,
            selinux,
            ..
        } = self
        else {
            return String::new();
        };
        let read_only = read_only.then_some("ro");
        let options = [read_only, propagation.as_deref(), selinux.as_deref()];
        let options: Vec<&str> = options.into_iter().flatten().collect();
        let mut text = format!("{}:{target}", source.display());
        if !options.is_empty() {
            text.push(':');
            text.push_str(&options.join(","));
        }
        text
    }

    fn body(&self) -> ApiMount {
        match self {
            Mount::Bind {
                source,
                target,
                read_only,
                propagation,
                recursive,
                ..
            } => {
                let how = |word: &str| (recursive.as_deref() == Some(word)).then_some(true);
                let options = MountBindOptions {
                    propagation: propagation.as_deref().and_then(|word| word.parse().ok()),
                    non_recursive: how("disabled"),
                    read_only_non_recursive: how("writable"),
                    read_only_force_recursive: how("readonly"),
                    ..MountBindOptions::default()
                };
                ApiMount {
                    typ: Some(MountType::BIND),
                    source: Some(source.to_string_lossy().into_owned()),
                    target: Some(target.clone()),
                    read_only: Some(*read_only),
                    bind_options: some(options),
                    ..ApiMount::default()
                }
            }
            Mount::Volume {
                name,
                target,
                read_only,
                nocopy,
                subpath,
                labels,
            } => {
                let options = MountVolumeOptions {
                    no_copy: nocopy.then_some(true),
                    subpath: subpath.clone(),
                    labels: some(labels.clone().into_iter().collect()),
                    ..MountVolumeOptions::default()
                };
                ApiMount {
                    typ: Some(MountType::VOLUME),
                    source: name.clone(),
                    target: Some(target.clone()),
                    read_only: Some(*read_only),
                    volume_options: some(options),
                    ..ApiMount::default()
                }
            }
            Mount::Tmpfs {
                target,
                size,
                mode,
                read_only,
            } => {
                let options = MountTmpfsOptions {
                    size_bytes: size.map(whole),
                    mode: mode.map(i64::from),
                    ..MountTmpfsOptions::default()
                };
                ApiMount {
                    typ: Some(MountType::TMPFS),
                    target: Some(target.clone()),
                    read_only: read_only.then_some(true),
                    tmpfs_options: some(options),
                    ..ApiMount::default()
                }
            }
            Mount::Image {
                image,
                subpath,
                target,
            } => {
                let options = MountImageOptions {
                    subpath: subpath.clone(),
                };
                ApiMount {
                    typ: Some(MountType::IMAGE),
                    source: Some(image.clone()),
                    target: Some(target.clone()),
                    image_options: some(options),
                    ..ApiMount::default()
                }
            }
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
                start_interval,
            } => Some(HealthConfig {
                test: test.clone(),
                interval: interval.as_ref().map(nanos),
                timeout: timeout.as_ref().map(nanos),
                retries: retries.map(i64::from),
                start_period: start_period.as_ref().map(nanos),
                start_interval: start_interval.as_ref().map(nanos),
            }),
        }
    }
}

/// What the API takes for a number of bytes.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ulimit((name, limit): (&String, &Ulimit)) -> ResourcesUlimits {
    ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    }
}

fn device(device: &Device) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(device.source.clone()),
        path_in_container: Some(device.target.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    }
}

fn request(request: &DeviceRequest) -> ApiDeviceRequest {
    let count = match request.count.as_deref() {
        Some("all") => Some(-1),
        Some(count) => count.parse().ok(),
        // As the daemon has it where neither a number nor devices are named: all of them.
        None => request.device_ids.is_empty().then_some(-1),
    };
    ApiDeviceRequest {
        driver: request.driver.clone(),
        count,
        device_ids: some(request.device_ids.clone()),
        capabilities: Some(vec![request.capabilities.clone()]),
        options: some(request.options.clone().into_iter().collect()),
    }
}

/// Nothing for what is empty: the daemon's own default.
fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Secret;
    use driver::SecretText;
    use std::collections::BTreeMap;

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
