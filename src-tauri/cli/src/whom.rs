//! Which services and instances the words of a command line mean. A name that another format allows, as `my_db` of a
//! compose file, means the service that it became.

use crate::fail::{Done, Fail};
use model::{ClusterId, InstanceId, InstanceStatus, NameError, ServiceName};

/// The service that a word names.
///
/// # Errors
/// Why it can be the name of none, in no format.
pub(crate) fn service(word: &str) -> Result<ServiceName, NameError> {
    match (word.parse(), became(word)) {
        (Ok(name), _) => Ok(name),
        (Err(_), Some(name)) => Ok(name),
        (Err(error), None) => Err(error),
    }
}

/// The words of a choice, each as it is named here; what is no name in any format is left to be told of.
pub(crate) fn called(words: &[String]) -> Vec<String> {
    let each = words.iter().map(|word| match service(word) {
        Ok(name) => name.to_string(),
        Err(_) => word.clone(),
    });
    each.collect()
}

/// What became of a name of a compose file, which may have other letters and characters.
fn became(word: &str) -> Option<ServiceName> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let begins = word.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_name = begins && word.chars().all(part);
    is_name.then(|| formats::service_name(word).parse().ok())?
}

/// Reads service names from the command line; one that is named twice is meant once.
pub(crate) fn services(words: &[String]) -> Done<Vec<ServiceName>> {
    let mut named: Vec<ServiceName> = Vec::new();
    for word in words {
        if let (Err(_), Ok(instance)) = (word.parse::<ServiceName>(), word.parse::<InstanceId>()) {
            return Err(Fail::usage(format!(
                "{word} is an instance; all of a service's are meant: write {}",
                instance.service
            )));
        }
        let name = service(word)
            .map_err(|error| Fail::usage(format!("{word:?} is not a service: {error}")))?;
        if !named.contains(&name) {
            named.push(name);
        }
    }
    Ok(named)
}

/// The instances that words like `api` (all of a service) and `api.1` mean; none means all.
pub(crate) fn instances(
    cluster: &ClusterId,
    all: &[InstanceStatus],
    words: &[String],
) -> Done<Vec<InstanceId>> {
    if words.is_empty() {
        return Ok(all.iter().map(|status| status.instance.clone()).collect());
    }
    let mut found = Vec::new();
    for word in words {
        let (meant, single) = meant(word).map_err(|error| {
            Fail::usage(format!(
                "{word:?} is neither a service nor an instance: {error}"
            ))
        })?;
        let before = found.len();
        found.extend(
            all.iter()
                .map(|status| &status.instance)
                .filter(|instance| match single {
                    true => **instance == meant,
                    false => instance.service == meant.service,
                })
                .cloned(),
        );
        if found.len() == before {
            return Err(unknown(cluster, all, &meant, single));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// An instance, or the first of a service; and whether it alone is meant.
fn meant(word: &str) -> Result<(InstanceId, bool), NameError> {
    let first = |name: ServiceName| (InstanceId::new(name, 0), false);
    if let Ok(name) = word.parse::<ServiceName>() {
        return Ok(first(name));
    }
    let error = match word.parse::<InstanceId>() {
        Ok(instance) => return Ok((instance, true)),
        Err(error) => error,
    };
    if let Some((name, index)) = word.rsplit_once('.')
        && let (Ok(index), Some(name)) = (index.parse(), became(name))
    {
        return Ok((InstanceId::new(name, index), true));
    }
    became(word).map(first).ok_or(error)
}

/// That there is no such one, and which may be meant.
fn unknown(cluster: &ClusterId, all: &[InstanceStatus], meant: &InstanceId, single: bool) -> Fail {
    let services = all.iter().map(|status| status.service.as_str());
    match single {
        true => Fail::absent(format!(
            "cluster {} has no instance {meant}; `azora ps` lists them",
            engine::called(cluster)
        )),
        false => no_service(cluster, &meant.service, services),
    }
}

/// That there is no such service, and which may be meant.
pub(crate) fn no_service<'s>(
    cluster: &ClusterId,
    service: &ServiceName,
    known: impl Iterator<Item = &'s str>,
) -> Fail {
    let near = spec::nearest(service.as_str(), known);
    let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
    Fail::absent(format!(
        "cluster {} has no service {service}; {near}`azora ps` lists them",
        engine::called(cluster)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_services_or_single_instances() {
        let status = |id: &str| {
            let instance: InstanceId = id.parse().unwrap();
            InstanceStatus {
                service: instance.service.clone(),
                instance,
                category: "services".to_owned(),
                state: model::State::Ready,
                reason: model::Reason::default(),
                pid: None,
                ports: Vec::new(),
                generation: model::Generation(1),
                restarts: 0,
                since: model::Timestamp(0),
                marks: model::Marks::default(),
                origin: None,
                schedule: None,
                findings: Vec::new(),
                port_taken: None,
            }
        };
        let all = ["api.0", "api.1", "db.0"].map(status);
        let id = "shop-881846af".parse().unwrap();
        let meant = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            instances(&id, &all, &words)
                .map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())
                .map_err(|fail| fail.message)
        };
        assert_eq!(meant(&[]).unwrap(), ["api.0", "api.1", "db.0"]);
        assert_eq!(meant(&["api"]).unwrap(), ["api.0", "api.1"]);
        assert_eq!(meant(&["db", "api.1", "api.1"]).unwrap(), ["api.1", "db.0"]);
        assert!(meant(&["api.7"]).unwrap_err().contains("no instance api.7"));
        let none = meant(&["web"]).unwrap_err();
        assert!(none.contains("cluster shop has no service web"), "{none}");
        let slip = meant(&["apj"]).unwrap_err();
        assert!(slip.contains("did you mean api?"), "{slip}");
        assert!(meant(&["../x"]).unwrap_err().contains("neither"));
    }

    #[test]
    fn a_name_of_a_compose_file_means_what_it_became() {
        let words = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let found = services(&words).map_err(|fail| fail.message);
            found.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            words(&["my_db", "my-db", "Web.App"]).unwrap(),
            ["my-db", "web-app"]
        );
        assert!(words(&["api.1"]).unwrap_err().contains("write api"));
        for wrong in ["../x", "", "-x", "a b"] {
            let refused = words(&[wrong]).unwrap_err();
            assert!(refused.contains("is not a service"), "{refused}");
        }
        assert_eq!(
            meant("my_db.2").unwrap(),
            ("my-db.2".parse().unwrap(), true)
        );
        assert_eq!(meant("my.db").unwrap(), ("my-db.0".parse().unwrap(), false));
        assert_eq!(called(&["My_DB".into(), "a b".into()]), ["my-db", "a b"]);
    }
}
