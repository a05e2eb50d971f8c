//! Drift: what an instance really got, compared with what its definition and env files would give
//! it now.
//!
//! What it got is in its intent, which is on disk before its process is made. A task looks whether
//! the files have changed or something was started, and only then compares; owners show the count
//! as a mark. Nothing is restarted for it: that is what `up` and `restart` are for.

use crate::definition::{self, With};
use crate::environment::{self, OWN, TERMINAL};
use crate::owner::Message;
use crate::record::ClusterRecord;
use crate::secrets::{Source, peek};
use crate::shared::Shared;
use driver::Given;
use model::view::{EnvView, NowView, VariableView};
use model::{ClusterId, Generation, InstanceId};
use security::redact::Redactor;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often the files are looked at: a few calls for each cluster.
const LOOK: Duration = Duration::from_secs(3);
/// Digits by which people tell secrets apart.
const DIGITS: usize = 8;
/// Azora's own variables have this beginning, and say nothing about a service.
const RESERVED: &str = "AZORA_";

/// "2 variables differ; restart to apply".
pub(crate) fn words(differs: u32) -> String {
    match differs {
        1 => "1 variable differs; restart to apply".to_owned(),
        many => format!("{many} variables differ; restart to apply"),
    }
}

/// A cluster's definition as its folder has it now.
pub(crate) struct Now {
    definition: Arc<spec::Cluster>,
    problem: Option<String>,
    /// What it was read with besides its env files.
    beside: Vec<String>,
}

/// A variable on one side of the comparison.
#[derive(Clone, PartialEq, Eq)]
struct Side {
    value: String,
    secret: bool,
    from: String,
}

impl Now {
    /// Reads it. Blocks on the disk.
    pub(crate) fn read(record: &ClusterRecord) -> Now {
        let recorded = |problem: String| Now {
            definition: Arc::clone(&record.definition),
            problem: Some(problem),
            beside: Vec::new(),
        };
        let with = With::recorded(record);
        match definition::of_folder(&record.folder, record.file.as_deref(), &with) {
            Ok(Some(Ok(now))) => Now {
                definition: Arc::new(now.cluster),
                problem: None,
                beside: now.beside,
            },
            Ok(Some(Err(problems))) => recorded(problems.to_string()),
            Ok(None) => recorded(match &record.file {
                Some(name) => format!("{name} is gone"),
                None => "its folder has no definition any more".to_owned(),
            }),
            Err(error) => recorded(error.story()),
        }
    }

    /// What an instance got and would get. `None` when nothing is known of it.
    pub(crate) fn view(
        &self,
        shared: &Shared,
        record: &ClusterRecord,
        instance: &InstanceId,
        running: bool,
        hides: Option<&Redactor>,
    ) -> Option<EnvView> {
        let given = given(shared, record, instance)?;
        let generation = given.generation;
        let now = self.would_get(shared, record, instance, &given);
        let got = got(given);
        let names: BTreeSet<&String> = got.keys().chain(now.keys()).collect();
        let variables: Vec<VariableView> = names
            .into_iter()
            .map(|name| variable(name, got.get(name), now.get(name), hides))
            .collect();
        let differing = variables.iter().filter(|one| one.now.is_some()).count();
        Some(EnvView {
            instance: instance.clone(),
            generation,
            running,
            variables,
            differs: u32::try_from(differing).unwrap_or(u32::MAX),
            problem: self.problem.clone(),
        })
    }

    /// What it would get now. Of a service that is not defined any more, what it has.
    fn would_get(
        &self,
        shared: &Shared,
        record: &ClusterRecord,
        instance: &InstanceId,
        given: &Given,
    ) -> BTreeMap<String, Side> {
        let Some(service) = self.definition.services.get(&instance.service) else {
            return got(given.clone());
        };
        let places = shared.places();
        let env = match service.runs.container() {
            Some(_) => environment::of_container(record, &self.definition, instance, service),
            None => environment::of(record, &self.definition, places, instance, service),
        };
        let mut all = sides(env.vars, &env.origins, false);
        let wanted = environment::secrets(record, &self.definition, places, instance, service);
        for (name, source) in wanted.0 {
            let read = match source {
                Source::File { path, .. } => {
                    peek(&path).and_then(|secret| shared.driver.fingerprint(&secret).ok())
                }
                // Asking a password manager may ring a bell; what it would say is not known.
                Source::Command(_) => None,
            };
            let value = read.or_else(|| given.secrets.get(&name).cloned());
            let from = env.origins.get(&name).cloned().unwrap_or_default();
            let side = Side {
                value: value.unwrap_or_default(),
                secret: true,
                from,
            };
            all.insert(name, side);
        }
        all
    }
}

/// What its newest start got, as a process or as a container.
fn given(shared: &Shared, record: &ClusterRecord, instance: &InstanceId) -> Option<Given> {
    match shared.drivers.is_container(&record.id, instance) {
        true => driver_docker::given(&shared.layout, &record.id, instance),
        false => shared.driver.given(&record.id, instance),
    }
}

fn got(given: Given) -> BTreeMap<String, Side> {
    let mut all = sides(given.env, &given.origins, false);
    all.extend(sides(given.secrets, &given.origins, true));
    all
}

fn sides(
    vars: BTreeMap<String, String>,
    origins: &BTreeMap<String, String>,
    secret: bool,
) -> BTreeMap<String, Side> {
    let side = |(name, value): (String, String)| {
        let from = match origins.get(&name) {
            Some(origin) => origin,
            None if driver::MARKS.contains(&&*name) => OWN,
            None => TERMINAL,
        };
        let side = Side {
            value,
            secret,
            from: from.to_owned(),
        };
        (name, side)
    };
    vars.into_iter().map(side).collect()
}

/// `hides`: what of it is not shown besides what the definition says is secret.
fn variable(
    name: &str,
    got: Option<&Side>,
    now: Option<&Side>,
    hides: Option<&Redactor>,
) -> VariableView {
    let hidden = |value: &str| match hides {
        Some(redactor) => redactor.hide_value(name, value).into_owned(),
        None => value.to_owned(),
    };
    let shown = |side: &Side| match side.secret {
        true => {
            let digits: String = side.value.chars().take(DIGITS).collect();
            format!("(secret {digits})")
        }
        false => hidden(&side.value),
    };
    let any = got.or(now);
    VariableView {
        name: name.to_owned(),
        value: got.map(shown),
        secret: any.is_some_and(|side| side.secret),
        from: any.map(|side| side.from.clone()).unwrap_or_default(),
        now: differ(name, got, now).then(|| NowView {
            value: now.map(shown),
            from: now.map(|side| side.from.clone()).unwrap_or_default(),
        }),
    }
}

/// Whether a variable would be another one now. The terminal's do not count, on either side: they
/// are another terminal's with every `up`. Nor does what the driver adds.
fn differ(name: &str, got: Option<&Side>, now: Option<&Side>) -> bool {
    let own = |side: Option<&Side>| side.is_none_or(|side| [TERMINAL, OWN].contains(&&*side.from));
    if name.starts_with(RESERVED) || (own(got) && own(now) && name != "PORT") {
        return false;
    }
    match (got, now) {
        (Some(got), Some(now)) => (&got.value, got.secret) != (&now.value, now.secret),
        _ => true,
    }
}

/// What was seen of a cluster when it was last compared.
#[derive(Default)]
struct Seen {
    /// The files it is defined by, and what they were.
    files: Vec<(PathBuf, Mark)>,
    /// The starts that were compared.
    starts: BTreeMap<InstanceId, Generation>,
}

/// By what a file is known to be the same: size, inode, and when it was changed.
pub(crate) type Mark = Option<(u64, u64, i64, i64)>;

pub(crate) fn mark(path: &PathBuf) -> Mark {
    let found = std::fs::metadata(path).ok()?;
    Some((found.size(), found.ino(), found.mtime(), found.mtime_nsec()))
}

/// Compares what runs with its files, whenever one of them changes or something was started.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut seen: BTreeMap<ClusterId, Seen> = BTreeMap::new();
    loop {
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let owners = shared.all_owners();
        seen.retain(|cluster, _| owners.iter().any(|(one, _)| one == cluster));
        for (cluster, owner) in owners {
            let starts: BTreeMap<InstanceId, Generation> = shared
                .picture
                .instances(&cluster)
                .into_iter()
                .filter(|one| one.pid.is_some())
                .map(|one| (one.instance, one.generation))
                .collect();
            let last = seen.entry(cluster).or_default();
            let edited = last.files.is_empty()
                || last
                    .files
                    .iter()
                    .any(|(path, before)| mark(path) != *before);
            if edited && !last.files.is_empty() {
                shared.security.look_soon();
            }
            let fresh: Vec<(InstanceId, Generation)> = starts
                .iter()
                .filter(|(id, generation)| edited || last.starts.get(*id) != Some(*generation))
                .map(|(id, generation)| (id.clone(), *generation))
                .collect();
            last.starts = starts;
            if fresh.is_empty() && !edited {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            if owner.send(Message::Record { reply }).await.is_err() {
                continue;
            }
            let Ok(record) = answer.await else {
                continue;
            };
            let comparing = Arc::clone(&shared);
            let known: Vec<PathBuf> = last.files.iter().map(|(path, _)| path.clone()).collect();
            let compared =
                tokio::task::spawn_blocking(move || compare(&comparing, &record, fresh, known));
            let Ok((files, found)) = compared.await else {
                continue;
            };
            last.files = files;
            if !found.is_empty() {
                // A closed inbox means that the cluster was just forgotten.
                let _ = owner.send(Message::Drift(found)).await;
            }
        }
    }
}

/// The files that a cluster is defined by, there or not: the one that says what to run, and what that is read with.
/// `more`: of its file, besides.
pub(crate) fn defining(
    record: &ClusterRecord,
    definition: &spec::Cluster,
    more: &[String],
) -> Vec<PathBuf> {
    // One that comes to be may count before the one that counts now.
    let defining: Vec<&str> = match &record.file {
        Some(name) => vec![name],
        None => formats::FILES.to_vec(),
    };
    let own = definition.services.values().flat_map(|one| &one.env_files);
    let named = definition.env_files.iter().chain(own).chain(more);
    let names: BTreeSet<&str> = defining
        .into_iter()
        .chain(formats::BESIDE)
        .chain(named.map(String::as_str))
        .collect();
    let paths = names.into_iter().map(|name| record.folder.join(name));
    paths.collect()
}

type Compared = (Vec<(PathBuf, Mark)>, Vec<(InstanceId, Generation, u32)>);

fn compare(
    shared: &Shared,
    record: &ClusterRecord,
    starts: Vec<(InstanceId, Generation)>,
    known: Vec<PathBuf>,
) -> Compared {
    // Marked before they are read: what changes in between is seen the next time.
    let marked = |definition: &spec::Cluster, more: &[String]| {
        let paths = defining(record, definition, more).into_iter();
        paths
            .map(|path| {
                let mark = mark(&path);
                (path, mark)
            })
            .collect::<Vec<_>>()
    };
    let mut before = marked(&record.definition, &[]);
    before.extend(known.into_iter().map(|path| {
        let mark = mark(&path);
        (path, mark)
    }));
    let now = Now::read(record);
    // It may name others than the recorded one does.
    let mut files = marked(&now.definition, &now.beside);
    for (path, mark) in &mut files {
        if let Some((_, earlier)) = before.iter().find(|(one, _)| one == path) {
            *mark = *earlier;
        }
    }
    let drift = |(instance, generation): (InstanceId, Generation)| {
        let view = now.view(shared, record, &instance, true, None)?;
        // Started again meanwhile: that one is compared the next time.
        (view.generation == generation).then_some((instance, generation, view.differs))
    };
    (files, starts.into_iter().filter_map(drift).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(value: &str, from: &str) -> Option<Side> {
        Some(Side {
            value: value.into(),
            secret: from.starts_with("secret"),
            from: from.into(),
        })
    }

    #[test]
    fn only_what_files_say_is_drift() {
        let differs =
            |got: &Option<Side>, now: &Option<Side>| differ("X", got.as_ref(), now.as_ref());
        let env = side("1", ".env:1");
        assert!(!differs(&env, &side("1", ".env:7")), "a line further down");
        assert!(differs(&env, &side("2", ".env:1")));
        assert!(differs(&env, &None), "taken out");
        assert!(differs(&None, &env), "put in");
        assert!(
            differs(&env, &side("2", TERMINAL)),
            "the terminal's shows again"
        );
        let terminal = side("a", TERMINAL);
        assert!(!differs(&terminal, &side("b", TERMINAL)));
        assert!(!differs(&terminal, &None));
        assert!(!differ("AZORA_NONCE", side("n", TERMINAL).as_ref(), None));
        assert!(
            differs(&side("x", "secret"), &side("x", ".env:1")),
            "no secret any more"
        );
    }

    #[test]
    fn a_secret_is_shown_by_a_few_digits() {
        let one = variable("T", side("0123456789abcdef", "secret").as_ref(), None, None);
        assert_eq!(one.value.as_deref(), Some("(secret 01234567)"));
        assert!(one.secret && one.now.is_some());
    }

    #[test]
    fn drift_in_words() {
        assert_eq!(words(1), "1 variable differs; restart to apply");
        assert_eq!(words(3), "3 variables differ; restart to apply");
    }
}
