//! Bringing a folder's cluster up: reading it, asking what a person has to allow, and handing it to its owner.

use crate::constitution::Candidate;
use crate::definition::{self, With};
use crate::handle::{Handle, canonical};
use crate::look::asked;
use crate::owner::{Message, Noted, Owner};
use crate::record::{ClusterRecord, cluster_id};
use crate::{Error, contents};
use driver::{ProcessDriver, SecretText};
use model::{ActId, Actor, ActorKind, ClusterId, EventKind, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Bring a folder's cluster up.
#[derive(Debug, Clone)]
pub struct Up {
    /// The folder that holds the definition.
    pub folder: PathBuf,
    /// Which file of it, when not the one that would be found.
    pub file: Option<String>,
    /// A person has read what it runs and allows it.
    pub trust: bool,
    /// What makes a container of it as good as root on this machine and a person has read and allows, as
    /// [`Handle::look`] tells it.
    pub risks: Vec<String>,
    /// The environment its services get; `None` is the one recorded, or else the engine's own.
    pub env: Option<BTreeMap<String, String>>,
    /// Which of its services.
    pub choice: spec::Choice,
}

/// What `up` set in motion.
#[derive(Debug, Clone)]
pub struct UpStarted {
    /// The cluster.
    pub cluster: ClusterId,
    /// The act to wait for.
    pub act: ActId,
    /// What differs from what ran before, in words, and what of this folder runs under other names.
    pub changes: Vec<String>,
}

/// What else belongs to it: who approves of a definition approves of that and of no other.
fn details(
    driver: &ProcessDriver,
    definition: &spec::Cluster,
    left_out: &BTreeMap<ServiceName, String>,
    risks: &BTreeSet<String>,
) -> io::Result<String> {
    // The text of a definition is the same for the same one: its maps are sorted.
    let whole = serde_json::to_string(&(definition, left_out, risks))?;
    let likeness = driver.fingerprint(&SecretText::new(whole))?;
    Ok(format!("the definition of the likeness {likeness}"))
}

impl Handle {
    /// Brings a folder's cluster up, or applies its edited definition.
    pub async fn up(&self, actor: Actor, up: Up, reason: String) -> Result<UpStarted, Error> {
        let folder = canonical(&up.folder)?;
        let up = self.as_far_as_allowed(&actor, &folder, up)?;
        let file = asked(up.file)?;
        let reading = With::of(&self.shared, &folder, up.env.clone(), &up.choice).await;
        let definition = definition::of_folder(&folder, file.as_deref(), &reading)?
            .ok_or_else(|| match &file {
                Some(name) => Error::Conflict(format!(
                    "{name} is not in {} any more; `azora up` there runs what is",
                    folder.display()
                )),
                None => Error::NoDefinition(folder.clone()),
            })?
            .map_err(|problems| Error::Definition(definition::shown(&problems)))?;
        let (driver, cluster) = (&self.shared.driver, definition.cluster);
        let definition = Arc::new(contents::noted(cluster, &folder, &reading.env, driver));
        let left_out = up.choice.left_out(&definition);
        let left_out = left_out.map_err(|error| Error::BadRequest(error.to_string()))?;
        let id = cluster_id(&folder, &definition.name);
        let known = self.shared.record_file(&id).exists();
        if !known && !up.trust {
            return Err(Error::Untrusted(folder));
        }
        let before = crate::defined::record(&self.shared, &id).await.ok();
        let allowed = crate::risks::allowed(&folder, before.as_deref());
        let risks = crate::risks::refuse(&folder, &definition, &allowed, &up.risks)?;
        let rules = crate::constitution::of_folder(&folder)?;
        self.not_overtaken()?;
        let candidate = Candidate {
            definition: &definition,
            rules: rules.as_ref(),
        };
        let details = details(&self.shared.driver, &definition, &left_out, &risks);
        let details = details.map_err(|source| Error::Home {
            path: self.shared.layout.home().to_owned(),
            source,
        })?;
        let (door, terms) = (&self.shared.door, self.terms(&details));
        let admitted = door.admit_up(actor, &id, &candidate, &reason, terms);
        let act = self.through(admitted).await?;
        let left = self.leave_emergency().await;
        self.conclude(act.id, &left);
        left?;
        let env = match (up.env, known) {
            (None, false) => Some(crate::environment::inherited()),
            (env, _) => env,
        };
        let owned = self.owner_or_new(&id, &folder, &definition);
        let (reply, answer) = oneshot::channel();
        let containers = &self.shared.drivers.containers;
        let elsewhere = crate::elsewhere::told(&definition, env.as_ref(), containers);
        let message = Message::Up {
            definition,
            noted: Noted {
                file,
                env,
                risks,
                asked: reading.asked,
                rules: rules.map(|rules| rules.text().to_owned()),
            },
            left_out,
            act: act.clone(),
            reply,
        };
        let result = self.tell(&owned, message, answer).await;
        self.conclude(act.id, &result);
        let mut changes = result?;
        changes.extend(elsewhere);
        for text in crate::renamed::run_on(&self.shared, &id, &folder) {
            changes.push(text.clone());
            let notice = EventKind::Notice { text };
            self.shared.journal.event(Some(&id), notice);
        }
        Ok(UpStarted {
            cluster: id,
            act: act.id,
            changes,
        })
    }

    /// What only a person can say is not taken from an agent: that a folder may be run, that a risk is allowed, and
    /// in what environment. Of a folder that was never run here it is not even told what is wrong with its files.
    fn as_far_as_allowed(&self, actor: &Actor, folder: &Path, up: Up) -> Result<Up, Error> {
        if actor.kind != ActorKind::Agent {
            return Ok(up);
        }
        let shown = folder.display().to_string();
        let known = self.snapshot().clusters;
        if !known.iter().any(|one| one.folder == shown) {
            return Err(Error::Refused(format!(
                "an agent brings up only what a person has brought up before, and {shown} was never run here"
            )));
        }
        Ok(Up {
            trust: false,
            risks: Vec::new(),
            env: None,
            ..up
        })
    }

    fn owner_or_new(
        &self,
        id: &ClusterId,
        folder: &Path,
        definition: &Arc<spec::Cluster>,
    ) -> mpsc::Sender<Message> {
        if let Ok(owned) = self.shared.owner(id) {
            return owned;
        }
        let created = crate::clock::Clock::wall();
        let definition = Arc::clone(definition);
        let record = ClusterRecord::new(id.clone(), folder.to_owned(), definition, created);
        let (owner, inbox) = Owner::new(record, Arc::clone(&self.shared));
        if self.shared.add_owner(id.clone(), inbox.clone()) {
            crate::keep::keep(&self.shared, owner);
        }
        // Somebody else may have been quicker; there is one owner either way.
        self.shared.owner(id).unwrap_or(inbox)
    }
}
