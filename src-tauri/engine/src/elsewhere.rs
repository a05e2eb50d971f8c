//! The container daemon that a terminal means, where the engine uses another one: there is one for all clusters of
//! an engine, chosen when it first needs one.

use crate::drivers::Containers;
use driver_docker::{Address, Surroundings, find};
use std::collections::BTreeMap;

/// That the terminal with this environment means another daemon, and what to do about it. `None` where it
/// means none in particular.
pub(crate) fn told(
    cluster: &spec::Cluster,
    env: Option<&BTreeMap<String, String>>,
    containers: &Containers,
) -> Option<String> {
    let mut services = cluster.services.values();
    services.find(|service| service.runs.container().is_some())?;
    words(&Surroundings::of_env(env?), containers.address())
}

fn words(terminal: &Surroundings, used: Result<Address, String>) -> Option<String> {
    // With a place named nothing else is tried; where none is, the usual ones are, as the engine does.
    let (means, why) = match find(terminal) {
        Ok(places) => match places.as_slice() {
            [only] => (Some(only.address.clone()), only.why.clone()),
            _ => return None,
        },
        Err(error) => (None, error.to_string()),
    };
    let used = match used {
        Ok(used)
            if means
                .as_ref()
                .is_some_and(|one| one.is_same(&used.to_string())) =>
        {
            return None;
        }
        Ok(used) => used.to_string(),
        Err(why) => why,
    };
    let meant = match means {
        Some(address) => format!("{address} ({why})"),
        None => format!("another one ({why})"),
    };
    Some(format!(
        "this terminal means the container daemon at {meant}, and the engine that runs uses {used}: containers are \
         made there. To use the other one, take down what runs there, and start the engine anew from here: \
         `azora down`, then `azora serve --take-over`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(host: &str) -> Surroundings {
        let env = [("DOCKER_HOST", host), ("HOME", "/nowhere")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Surroundings::of_env(&env.into())
    }

    #[test]
    fn another_daemon_than_the_engines_is_told_with_what_to_do() {
        let used = || Ok(Address::Unix("/run/docker.sock".into()));
        assert_eq!(words(&terminal(""), used()), None, "none in particular");
        assert_eq!(words(&terminal("unix:///run/docker.sock"), used()), None);
        let told = words(&terminal("unix:///other.sock"), used()).unwrap();
        for part in [
            "unix:///other.sock (DOCKER_HOST",
            "unix:///run/docker.sock",
            "--take-over",
        ] {
            assert!(told.contains(part), "{told}");
        }
        let far = words(&terminal("ssh://far"), used()).unwrap();
        assert!(far.contains("another one (DOCKER_HOST"), "{far}");
    }
}
