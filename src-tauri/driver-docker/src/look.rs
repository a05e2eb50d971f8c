//! One look at a container, in our words.

use crate::daemon::{Daemon, Fault, QUICK, ask, shortened};
use crate::labels;
use crate::record::Anchor;
use bollard::models::{ContainerInspectResponse, ContainerState, HealthConfig, HealthStatusEnum};
use model::{ClusterId, ExitStatus, InstanceId};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// When a container was started that never was: the zero of the daemon's clock.
const NEVER: &str = "0001-01-01T00:00:00";
/// What a program exits with for the daemon when a signal has ended it: 128 and the signal.
const SIGNALLED: i64 = 128;
/// Signals have numbers up to this.
const LAST_SIGNAL: i64 = 64;
/// Until Podman is looked at again that has not noted yet how a container ended.
const BETWEEN: Duration = Duration::from_millis(20);
/// SIGKILL, as an exit code.
const KILLED: i64 = SIGNALLED + 9;

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Made, and never started.
    Made,
    /// It runs.
    Runs,
    /// It runs, and is held still.
    Paused,
    /// It has ended.
    Ended,
}

/// How the daemon says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthWord {
    /// It is not known yet.
    Starting,
    /// Its check passes.
    Healthy,
    /// Its check has failed so often as it may.
    Unhealthy,
}

/// What the daemon says of an instance and its check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// How it is by its check.
    Says {
        /// In a word.
        word: HealthWord,
        /// What its check wrote last.
        said: String,
        /// So long after its start it may take until it is known not to be well.
        takes: Duration,
    },
    /// It runs, and neither its image nor its definition has a check.
    NoCheck,
    /// It does not run.
    NotRunning,
}

/// What a look has shown.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) anchor: Anchor,
    pub(crate) stage: Stage,
    pub(crate) labels: HashMap<String, String>,
    /// Its first process; 0 when it does not run.
    pub(crate) pid: u32,
    /// How it ended; of what has not, nothing.
    pub(crate) status: ExitStatus,
    /// With what its last check came out, and what that wrote.
    pub(crate) health: Option<(HealthWord, String)>,
    /// So long after its start its check may take until it is known not to be well.
    pub(crate) takes: Duration,
    /// The signal that asks it to stop, by its image.
    pub(crate) stop_signal: Option<String>,
    /// Volumes without a name of their own: where each appears.
    pub(crate) unnamed: Vec<(String, String)>,
    /// The ports of this machine at which it is reached by TCP.
    pub(crate) ports: Vec<u16>,
}

impl Seen {
    /// It runs, held still or not.
    pub(crate) fn lives(&self) -> bool {
        matches!(self.stage, Stage::Runs | Stage::Paused)
    }

    /// It is this instance's, of this home.
    pub(crate) fn is(&self, home: &str, cluster: &ClusterId, instance: &InstanceId) -> bool {
        let named = labels::instance(&self.labels);
        let ours = self.labels.get(labels::HOME).is_some_and(|id| id == home);
        ours && named.is_some_and(|(c, i)| c == *cluster && i == *instance)
    }

    /// How it is, for who asks about its check.
    pub(crate) fn checked(self) -> Checked {
        match self.health {
            _ if !self.lives() => Checked::NotRunning,
            Some((word, said)) => Checked::Says {
                word,
                said,
                takes: self.takes,
            },
            None => Checked::NoCheck,
        }
    }

    /// Whose it is otherwise, for people.
    pub(crate) fn owner(&self) -> String {
        match self.labels.get(labels::HOME) {
            Some(home) => format!("the home {home}"),
            None => "somebody else".to_owned(),
        }
    }
}

/// Looks at a container by its name or id. `None` when there is none.
///
/// # Errors
/// When the daemon does not say.
pub(crate) async fn look(daemon: &Daemon, name: &str) -> Result<Option<Seen>, Fault> {
    let until = Instant::now() + QUICK;
    loop {
        match ask(QUICK, daemon.api().inspect_container(name, None)).await {
            Ok(answer) => return seen(answer).map(Some),
            Err(fault) if fault.is_not_found() => return Ok(None),
            Err(fault) if is_between(&fault) && Instant::now() < until => sleep(BETWEEN).await,
            Err(fault) => return Err(fault),
        }
    }
}

/// Podman says "stopped" of a container that has ended and of which it has not noted yet how: no
/// state that Docker's API knows, and none that lasts.
fn is_between(fault: &Fault) -> bool {
    matches!(fault, Fault::Strange(why) if why.contains("`stopped`"))
}

fn seen(answer: ContainerInspectResponse) -> Result<Seen, Fault> {
    let lacks = |what: &str| Fault::Strange(format!("a container has no {what}"));
    let id = answer.id.ok_or_else(|| lacks("id"))?;
    let state = answer.state.ok_or_else(|| lacks("state"))?;
    let config = answer.config.unwrap_or_default();
    let host = answer.host_config.unwrap_or_default();
    let memory = host.memory;
    let networks = answer.network_settings.and_then(|all| all.ports);
    let bound = networks.into_iter().flatten();
    let ports = bound
        .filter(|(port, _)| port.ends_with("/tcp"))
        .flat_map(|(_, bindings)| bindings.into_iter().flatten())
        .filter_map(|binding| binding.host_port?.parse().ok())
        .collect();
    let started = state.started_at.clone().unwrap_or_default();
    let never = started.is_empty() || started.starts_with(NEVER);
    let stage = match (state.running, state.paused) {
        (_, Some(true)) => Stage::Paused,
        (Some(true), _) => Stage::Runs,
        _ if never => Stage::Made,
        _ => Stage::Ended,
    };
    let unnamed = answer.mounts.into_iter().flatten().filter_map(|mount| {
        let name = mount.name.filter(|name| is_made_up(name))?;
        let volume = mount.typ.as_deref() == Some("volume");
        volume.then_some((name, mount.destination?))
    });
    Ok(Seen {
        unnamed: unnamed.collect(),
        ports,
        anchor: Anchor { id, started },
        stage,
        labels: config.labels.unwrap_or_default(),
        pid: u32::try_from(state.pid.unwrap_or(0)).unwrap_or(0),
        status: status(&state, memory),
        health: health(&state),
        takes: takes(config.healthcheck.unwrap_or_default()),
        stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()),
    })
}

/// The daemon names a volume that has no name by 64 hex digits.
fn is_made_up(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn status(state: &ContainerState, memory: Option<i64>) -> ExitStatus {
    let Some(code) = state.exit_code else {
        return ExitStatus::Unknown;
    };
    if state.oom_killed == Some(true) {
        let limit = memory.and_then(|bytes| u64::try_from(bytes).ok());
        return ExitStatus::OutOfMemory {
            limit: limit.filter(|limit| *limit > 0),
            code: i32::try_from(code).ok().filter(|_| code != KILLED),
        };
    }
    match code - SIGNALLED {
        signal @ 1..=LAST_SIGNAL => ExitStatus::Signal(i32::try_from(signal).unwrap_or(0)),
        _ => i32::try_from(code).map_or(ExitStatus::Unknown, ExitStatus::Code),
    }
}

fn health(state: &ContainerState) -> Option<(HealthWord, String)> {
    let health = state.health.as_ref()?;
    let word = match health.status? {
        HealthStatusEnum::STARTING => HealthWord::Starting,
        HealthStatusEnum::HEALTHY => HealthWord::Healthy,
        HealthStatusEnum::UNHEALTHY => HealthWord::Unhealthy,
        _ => return None,
    };
    let last = health.log.iter().flatten().next_back();
    let said = last.and_then(|last| last.output.as_deref());
    Some((word, shortened(said.unwrap_or_default())))
}

/// By what the container was made of: its definition's check over its image's. 0 is as the daemon has it.
fn takes(check: HealthConfig) -> Duration {
    let given = |nanos: Option<i64>| {
        let nanos = u64::try_from(nanos?).ok()?;
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    };
    let retries = check
        .retries
        .and_then(|retries| u32::try_from(retries).ok());
    spec::container::until_unhealthy(
        given(check.interval),
        given(check.timeout),
        retries.filter(|retries| *retries > 0),
        given(check.start_period).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_takes_as_long_as_it_was_made_to() {
        let seconds = |seconds: i64| Some(seconds * 1_000_000_000);
        // As an image has it that says only what is asked.
        assert_eq!(takes(HealthConfig::default()).as_secs(), 180);
        let slow = HealthConfig {
            interval: seconds(300),
            timeout: seconds(10),
            retries: Some(2),
            start_period: seconds(40),
            ..HealthConfig::default()
        };
        assert_eq!(takes(slow).as_secs(), 660);
        let strange = HealthConfig {
            interval: Some(-1),
            timeout: Some(0),
            retries: Some(0),
            start_period: Some(i64::MIN),
            ..HealthConfig::default()
        };
        assert_eq!(takes(strange).as_secs(), 180);
        let longest = HealthConfig {
            interval: Some(i64::MAX),
            retries: Some(i64::MAX),
            ..HealthConfig::default()
        };
        assert_eq!(takes(longest).as_secs(), 86_400);
    }

    fn ended(code: i64, oom: bool, memory: i64) -> ExitStatus {
        let state = ContainerState {
            exit_code: Some(code),
            oom_killed: Some(oom),
            ..ContainerState::default()
        };
        status(&state, Some(memory))
    }

    #[test]
    fn an_exit_code_above_128_is_the_signal_that_the_daemon_makes_it_of() {
        assert_eq!(ended(0, false, 0), ExitStatus::Code(0));
        assert_eq!(ended(3, false, 0), ExitStatus::Code(3));
        assert_eq!(ended(128, false, 0), ExitStatus::Code(128));
        assert_eq!(ended(137, false, 0), ExitStatus::Signal(9));
        assert_eq!(ended(255, false, 0), ExitStatus::Code(255));
        assert_eq!(
            status(&ContainerState::default(), None),
            ExitStatus::Unknown
        );
    }

    #[test]
    fn out_of_memory_has_the_limit_and_the_code_of_who_was_not_killed() {
        let limit = Some(1 << 20);
        let killed = ExitStatus::OutOfMemory { limit, code: None };
        assert_eq!(ended(137, true, 1 << 20), killed);
        let child = ExitStatus::OutOfMemory {
            limit: None,
            code: Some(1),
        };
        assert_eq!(ended(1, true, 0), child);
    }

    #[test]
    fn a_container_that_was_never_started_is_only_made() {
        let answer = |started: &str, running| ContainerInspectResponse {
            id: Some("a".into()),
            state: Some(ContainerState {
                running: Some(running),
                started_at: Some(started.into()),
                ..ContainerState::default()
            }),
            ..ContainerInspectResponse::default()
        };
        let stage = |started, running| seen(answer(started, running)).unwrap().stage;
        let checked = |running| seen(answer("2026", running)).unwrap().checked();
        assert_eq!(checked(true), Checked::NoCheck);
        assert_eq!(checked(false), Checked::NotRunning);
        assert_eq!(stage("0001-01-01T00:00:00Z", false), Stage::Made);
        assert_eq!(stage("0001-01-01T00:00:00.000000000Z", false), Stage::Made);
        assert_eq!(stage("", false), Stage::Made);
        assert_eq!(stage("2026-01-01T00:00:00Z", false), Stage::Ended);
        assert_eq!(stage("2026-01-01T00:00:00Z", true), Stage::Runs);
    }
}
