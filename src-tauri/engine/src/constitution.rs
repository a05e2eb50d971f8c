//! The rules that hold in this home, and what they are asked about: `policy` decides, and this room knows
//! which rules there are and what the clusters are made of.
//!
//! The door asks it before every act. The home's `constitution.cedar` is read when the engine starts and
//! whenever it changes; a project's is read with its definition and kept with that in the cluster's record. A
//! file with a mistake changes nothing: the rules from before go on to hold. Where there are none from
//! before, it allows people what takes load away, and nobody anything else.

use crate::Error;
use crate::record::ClusterRecord;
use crate::settings::{bytes, told};
use model::{Actor, ActorKind, ClusterId, Decided, DecidingRule, ServiceName, Target, Verb};
use policy::{Decision, FILE, Policies, Question, Rules, Subject, Verdict, Who};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

mod view;
mod watch;

pub(crate) use watch::{say_at_start, watch};

/// See the module.
pub(crate) struct Constitution {
    file: PathBuf,
    held: RwLock<Held>,
}

/// What holds at a time.
struct Held {
    /// The home's rules, or why there are none.
    home: Result<Rules, String>,
    /// What is wrong with the home's file as it is now, if the rules from before it hold.
    wrong: Option<String>,
    projects: BTreeMap<ClusterId, Project>,
    /// Those of all of them that are in order.
    policies: Option<Arc<Policies>>,
    clusters: BTreeMap<ClusterId, Known>,
    /// The home was deleted, and its rules with it.
    gone: bool,
}

/// What a project adds.
#[derive(Clone)]
enum Project {
    Rules(Rules),
    /// They were in order when they were recorded, and are not any more.
    Unreadable(String),
}

/// What rules can ask about a cluster.
#[derive(Clone)]
struct Known {
    name: String,
    services: BTreeMap<ServiceName, Fact>,
}

#[derive(Clone, PartialEq, Eq)]
struct Fact {
    category: String,
    protected: bool,
}

/// What became of reading the home's file anew.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reread {
    /// The same rules.
    Same,
    /// Other ones, of which there are so many; whether they are the built-in ones.
    Other(usize, bool),
    /// It has a mistake, as was said before.
    StillWrong,
    /// It has a mistake.
    Wrong(String),
}

/// What is about to run in a cluster, and what its folder adds to the rules.
pub(crate) struct Candidate<'a> {
    pub(crate) definition: &'a spec::Cluster,
    pub(crate) rules: Option<&'a Rules>,
}

impl Constitution {
    /// The rules of a home as they are now.
    pub(crate) fn open(home: &Path) -> Self {
        let file = home.join(FILE);
        let read = read_home(&file);
        if let Err(wrong) = &read {
            tracing::error!("{wrong}");
        }
        let mut held = Held {
            home: read,
            wrong: None,
            projects: BTreeMap::new(),
            policies: None,
            clusters: BTreeMap::new(),
            gone: false,
        };
        held.join();
        Self {
            file,
            held: RwLock::new(held),
        }
    }

    /// What is wrong with the home's file, in words, and what holds instead.
    pub(crate) fn wrong(&self) -> Option<String> {
        let held = self.read();
        match (&held.wrong, &held.home) {
            (Some(wrong), _) => Some(format!("{wrong}; the rules from before go on to hold")),
            (None, Err(wrong)) => Some(unreadable(wrong)),
            (None, Ok(_)) => None,
        }
    }

    /// Reads the home's file again. With a mistake in it, what held goes on to hold.
    pub(crate) fn reread(&self) -> Reread {
        let read = read_home(&self.file);
        let mut held = self.write();
        match read {
            Ok(rules) => {
                let same = matches!(&held.home, Ok(old) if old.text() == rules.text());
                let mended = held.wrong.take().is_some();
                if same && !mended {
                    return Reread::Same;
                }
                let other = Reread::Other(rules.len(), rules.text() == policy::DEFAULT);
                if !same {
                    held.home = Ok(rules);
                    held.join();
                }
                other
            }
            Err(wrong) => {
                let known = match &mut held.home {
                    Ok(_) => held.wrong.replace(wrong.clone()),
                    Err(before) => Some(std::mem::replace(before, wrong.clone())),
                };
                match known == Some(wrong.clone()) {
                    true => Reread::StillWrong,
                    false => Reread::Wrong(wrong),
                }
            }
        }
    }

    /// A cluster of this home is as it is recorded.
    pub(crate) fn knows(&self, record: &ClusterRecord) {
        let project =
            record
                .rules
                .as_ref()
                .map(|text| match Rules::of_project(FILE, text.as_bytes()) {
                    Ok(rules) => Project::Rules(rules),
                    Err(problems) => Project::Unreadable(told(&problems)),
                });
        let known = Known::of(&record.definition);
        let mut held = self.write();
        held.clusters.insert(record.id.clone(), known);
        let same = match (&project, held.projects.get(&record.id)) {
            (None, None) => true,
            (Some(Project::Rules(new)), Some(Project::Rules(old))) => new.text() == old.text(),
            _ => false,
        };
        if same {
            return;
        }
        match project {
            Some(project) => held.projects.insert(record.id.clone(), project),
            None => held.projects.remove(&record.id),
        };
        held.join();
    }

    /// A cluster is not of this home any more.
    pub(crate) fn forgets(&self, cluster: &ClusterId) {
        let mut held = self.write();
        held.clusters.remove(cluster);
        if held.projects.remove(cluster).is_some() {
            held.join();
        }
    }

    /// The home was deleted: what of it runs is ended, which no rule of it can speak of any more.
    pub(crate) fn home_is_gone(&self) {
        self.write().gone = true;
    }

    /// May this be done?
    pub(crate) fn decide(
        &self,
        actor: &Actor,
        verb: Verb,
        target: &Target,
        approvals: u32,
    ) -> Arc<Decision> {
        let held = self.read();
        let policies = match held.instead(actor, verb, target.cluster.as_ref()) {
            Ok(policies) => Arc::clone(policies),
            Err(decision) => return Arc::new(decision),
        };
        let question = asked(actor, verb, approvals);
        // The usual one: one look at what was answered before.
        if target.cluster.is_none() && verb != Verb::EmergencyStop {
            return policies.decide(&question);
        }
        policies.decide_all(&question, held.subjects(actor, verb, target))
    }

    /// May this definition be brought up as this cluster? It is asked about what runs there and about what is
    /// to run, by the rules that come with it.
    pub(crate) fn decide_up(
        &self,
        actor: &Actor,
        cluster: &ClusterId,
        candidate: &Candidate<'_>,
        approvals: u32,
    ) -> Arc<Decision> {
        let held = self.read();
        let home = match (held.instead(actor, Verb::Up, None), &held.home) {
            (Ok(_), Ok(home)) => home.clone(),
            (Err(decision), _) => return Arc::new(decision),
            (Ok(_), Err(wrong)) => return Arc::new(refused_unreadable(wrong)),
        };
        let project = candidate
            .rules
            .map(|rules| (cluster.clone(), rules.clone()));
        let policies = Policies::new(home, project.into_iter().collect());
        let new = Known::of(candidate.definition);
        let old = held.clusters.get(cluster).cloned();
        drop(held);
        let of = |known: &Known| known.services.clone();
        let differ = old.as_ref().map(of).into_iter().flatten();
        let differ: Vec<_> = differ
            .filter(|(name, fact)| new.services.get(name) != Some(fact))
            .collect();
        let name = new.name.as_str();
        let whole = Subject::Cluster { id: cluster, name };
        let services = new
            .services
            .iter()
            .chain(differ.iter().map(|(name, fact)| (name, fact)));
        let services = services.map(|(service, fact)| fact.subject(cluster, name, service));
        let question = asked(actor, Verb::Up, approvals);
        policies.decide_all(&question, std::iter::once(whole).chain(services))
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Puts together what is asked.
    fn join(&mut self) {
        let rules = self
            .projects
            .iter()
            .filter_map(|(cluster, project)| match project {
                Project::Rules(rules) => Some((cluster.clone(), rules.clone())),
                Project::Unreadable(_) => None,
            });
        let joined = self.home.as_ref().ok();
        self.policies = joined.map(|home| Arc::new(Policies::new(home.clone(), rules.collect())));
    }

    /// What is decided without rules, where there are none to ask.
    fn instead(
        &self,
        actor: &Actor,
        verb: Verb,
        cluster: Option<&ClusterId>,
    ) -> Result<&Arc<Policies>, Decision> {
        let takes_load_away = matches!(
            verb,
            Verb::Down
                | Verb::Stop
                | Verb::Hold
                | Verb::EmergencyStop
                | Verb::Shutdown
                | Verb::RemoveAgent
        );
        let person = actor.kind == ActorKind::Person;
        if self.gone {
            let (id, says) = (
                "deleted-home",
                "of a home that was deleted all is taken down, and nothing else is done",
            );
            return Err(by_itself(takes_load_away, id, says.to_owned()));
        }
        let project = cluster.and_then(|cluster| self.projects.get(cluster));
        let wrong = match (&self.home, project) {
            (Err(wrong), _) => unreadable(wrong),
            (Ok(_), Some(Project::Unreadable(wrong))) => unreadable(&format!(
                "the rules that this cluster's folder adds, as they are recorded, have mistakes: {wrong}"
            )),
            (Ok(_), _) => match &self.policies {
                Some(policies) => return Ok(policies),
                None => unreadable("they were not put together"),
            },
        };
        Err(match person && takes_load_away {
            true => {
                let says = "a person may take load away while the rules cannot be read";
                by_itself(true, UNREADABLE, says.to_owned())
            }
            false => refused_unreadable(&wrong),
        })
    }

    /// All that an act is asked about.
    fn subjects<'q>(&'q self, actor: &Actor, verb: Verb, target: &'q Target) -> Vec<Subject<'q>> {
        let Some(id) = &target.cluster else {
            let mut all = vec![Subject::Home];
            // A person's is never refused, and waits for nothing.
            if verb == Verb::EmergencyStop && actor.kind != ActorKind::Person {
                let clusters = self.clusters.iter();
                all.extend(clusters.flat_map(|(id, known)| known.subjects(id)));
            }
            return all;
        };
        let known = self.clusters.get(id);
        let name = known.map_or(crate::called(id), |known| known.name.as_str());
        if target.services.is_empty() {
            let whole = Subject::Cluster { id, name };
            let services = known.into_iter().flat_map(|known| known.subjects(id));
            return std::iter::once(whole).chain(services).collect();
        }
        // What is not defined is refused by who would do it; it is nothing that could be protected.
        let services = target.services.iter().map(|service| {
            let fact = known.and_then(|known| known.services.get(service));
            match fact {
                Some(fact) => fact.subject(id, name, service),
                None => Subject::Service {
                    cluster: id,
                    cluster_name: name,
                    name: service.as_str(),
                    category: "",
                    protected: false,
                },
            }
        });
        services.collect()
    }
}

impl Known {
    fn of(definition: &spec::Cluster) -> Self {
        let services = definition.services.iter().map(|(name, service)| {
            let fact = Fact {
                category: service.category.clone(),
                protected: service.protected,
            };
            (name.clone(), fact)
        });
        Self {
            name: definition.name.to_string(),
            services: services.collect(),
        }
    }

    fn subjects<'q>(&'q self, id: &'q ClusterId) -> impl Iterator<Item = Subject<'q>> {
        let services = self.services.iter();
        services.map(|(name, fact)| fact.subject(id, &self.name, name))
    }
}

impl Fact {
    fn subject<'q>(
        &'q self,
        cluster: &'q ClusterId,
        cluster_name: &'q str,
        name: &'q ServiceName,
    ) -> Subject<'q> {
        Subject::Service {
            cluster,
            cluster_name,
            name: name.as_str(),
            category: &self.category,
            protected: self.protected,
        }
    }
}

fn asked(actor: &Actor, verb: Verb, approvals: u32) -> Question<'_> {
    Question {
        who: Who::from(actor.kind),
        via: &actor.via,
        verb,
        subject: Subject::Home,
        approvals,
    }
}

/// What decides where no rule can be read.
const UNREADABLE: &str = "unreadable-rules";

fn unreadable(wrong: &str) -> String {
    format!(
        "the rules of who may do what cannot be read, so only a person may act, and only take load away (`azora down`, \
         `stop`, `hold`, `emergency-stop`, `agents remove`); mend them, and they are read again at once; `azora policy check` shows \
         every mistake: {wrong}"
    )
}

fn refused_unreadable(wrong: &str) -> Decision {
    by_itself(false, UNREADABLE, wrong.to_owned())
}

/// A decision of Azora's own, which no file has.
fn by_itself(allowed: bool, id: &str, says: String) -> Decision {
    let rule = DecidingRule {
        id: id.to_owned(),
        project: false,
        says,
    };
    let decided = Arc::new(Decided {
        facts: String::new(),
        rules: vec![rule],
        set: String::new(),
    });
    Decision {
        verdict: match allowed {
            true => Verdict::Allowed,
            false => Verdict::Refused,
        },
        brief: Arc::clone(&decided),
        decided,
        alarm: None,
    }
}

/// The home's rules: its own, or those that are built in; or what is wrong with its own.
fn read_home(file: &Path) -> Result<Rules, String> {
    let name = file.display().to_string();
    match bytes(file, policy::limits::MAX_BYTES) {
        Ok(None) => Ok(Rules::built_in()),
        Ok(Some(bytes)) => Rules::of_home(&name, &bytes).map_err(|problems| told(&problems)),
        Err(error) => Err(format!("failed to read {name}: {error}")),
    }
}

/// What a folder adds to the rules of the home for its own cluster.
///
/// # Errors
/// What is wrong with it: a definition is not brought up beside rules that cannot be read.
pub(crate) fn of_folder(folder: &Path) -> Result<Option<Rules>, Error> {
    let path = folder.join(FILE);
    let read = bytes(&path, policy::limits::MAX_BYTES);
    let read = read.map_err(|source| Error::Folder { path, source })?;
    let rules = read
        .map(|bytes| Rules::of_project(FILE, &bytes))
        .transpose();
    rules.map_err(|problems| Error::Definition(crate::definition::shown(&problems)))
}

#[cfg(test)]
mod tests;
