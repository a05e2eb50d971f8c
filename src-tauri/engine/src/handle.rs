//! Everything a host may ask of a running engine.
//!
//! Reads come from the picture or the store; every act passes the door and then goes to the owner
//! of its cluster.

use crate::Error;
use crate::door::Terms;
use crate::owner::{Message, Wish};
use crate::record::Going;
use crate::shared::Shared;
use model::view::{Delta, EngineView, EnvView, History, Snapshot};
use model::who::PortView;
use model::{
    Act, ActId, Actor, ActorKind, ApprovalId, Autonomy, ClusterId, Event, InstanceId, Reason,
    ServiceName, Target, Timestamp, Verb,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
    /// When what is asked of it now was asked, where that is not now.
    pub(crate) asked: Option<Timestamp>,
    /// What persons have approved of, for what is asked of it now.
    pub(crate) approval: Option<ApprovalId>,
    /// Leave to see secrets, for what is asked of it now.
    pub(crate) key: Option<String>,
}

/// What a person can order of what is there.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "`model::Verb` documents each; the fields are its target"
)]
pub enum Order {
    Down {
        cluster: ClusterId,
    },
    DownWithVolumes {
        cluster: ClusterId,
        volumes: Vec<String>,
    },
    Start {
        cluster: ClusterId,
        services: Vec<ServiceName>,
    },
    Stop {
        cluster: ClusterId,
        services: Vec<ServiceName>,
    },
    Restart {
        cluster: ClusterId,
        services: Vec<ServiceName>,
        at_once: bool,
    },
    Scale {
        cluster: ClusterId,
        service: ServiceName,
        replicas: u16,
    },
    Hold {
        cluster: ClusterId,
        services: Vec<ServiceName>,
        /// It ends by itself after so long.
        span: Option<Duration>,
    },
    Unhold {
        cluster: ClusterId,
        services: Vec<ServiceName>,
    },
    Autonomy {
        cluster: ClusterId,
        /// None: as the definition says.
        mode: Option<Autonomy>,
    },
    Release {
        cluster: ClusterId,
        services: Vec<ServiceName>,
    },
    Resume,
    Forget {
        cluster: ClusterId,
    },
}

/// What came of an act.
#[derive(Debug, Clone)]
pub struct Settled {
    /// False: the time was over first.
    pub settled: bool,
    /// What did not get where it should, and why.
    pub failed: Vec<(InstanceId, Reason)>,
}

impl Handle {
    /// One that nothing came with.
    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            asked: None,
            approval: None,
            key: None,
        }
    }

    /// The same engine, asked then: a request can wait for an engine that hangs, and what an emergency
    /// stop has overtaken meanwhile is not begun.
    #[must_use]
    pub fn asked_at(&self, asked: Option<Timestamp>) -> Handle {
        Handle {
            asked,
            ..self.clone()
        }
    }

    /// The same engine, asked with this approval: see [`Error::NeedsApproval`].
    #[must_use]
    pub fn with_approval(&self, approval: Option<ApprovalId>) -> Handle {
        Handle {
            approval,
            ..self.clone()
        }
    }

    // === reads ===

    /// The engine itself.
    pub fn info(&self) -> EngineView {
        self.shared.picture.engine()
    }

    /// What the desktop is to say of incidents, and when.
    pub fn notifications(&self) -> spec::Notifications {
        self.shared.notifications.clone()
    }

    /// The whole picture.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.picture.snapshot()
    }

    /// The whole picture and every change after it.
    pub fn feed(&self) -> (Snapshot, broadcast::Receiver<Arc<Delta>>) {
        self.shared.picture.feed()
    }

    /// History of an instance over the `range` that ends at `until`; now, unless that is earlier.
    pub async fn history(
        &self,
        cluster: ClusterId,
        instance: InstanceId,
        range: Duration,
        until: Option<Timestamp>,
        buckets: u32,
    ) -> Result<History, Error> {
        self.shared.owner(&cluster)?;
        let millis = u64::try_from(range.as_millis()).unwrap_or(u64::MAX);
        self.shared.recorder.flush().await;
        let (store, now) = (&self.shared.store, crate::clock::Clock::wall());
        let until = until.map_or(now, |until| until.clamp(Timestamp(0), now));
        Ok(telemetry::history(store, &cluster, &instance, until, millis, buckets).await?)
    }

    /// What an instance really got for an environment, and what it would get now.
    pub async fn env(&self, cluster: ClusterId, instance: InstanceId) -> Result<EnvView, Error> {
        let record = crate::defined::record(&self.shared, &cluster).await?;
        let there = self.shared.picture.instances(&cluster);
        let known = there.iter().find(|one| one.instance == instance);
        let running = known.is_some_and(|one| one.pid.is_some());
        let never = known.is_some_and(|one| one.generation == model::Generation(0));
        let hides = self.hides(&cluster, [&instance.service])?;
        let shared = Arc::clone(&self.shared);
        let id = instance.clone();
        let view = tokio::task::spawn_blocking(move || {
            let now = crate::drift::Now::read(&record);
            now.view(&shared, &record, &id, running, hides.as_deref())
        });
        let view = view.await.map_err(|_| Error::Closing)?;
        view.ok_or_else(|| match never {
            true => Error::Conflict(format!(
                "{instance} was never started, so it got nothing yet"
            )),
            false => Error::NoInstance { cluster, instance },
        })
    }

    /// Events with a number over `after`, oldest first.
    pub async fn events(&self, after: u64, limit: u32) -> Result<Vec<Event>, Error> {
        self.shared.journal.flush().await;
        Ok(self.shared.store.events().after(after, limit).await?)
    }

    /// The last events, oldest first.
    pub async fn recent_events(&self, limit: u32) -> Result<Vec<Event>, Error> {
        self.shared.journal.flush().await;
        Ok(self.shared.store.events().recent(limit).await?)
    }

    /// The book of acts, newest first.
    pub async fn acts(&self, limit: u32) -> Result<Vec<Act>, Error> {
        self.shared.journal.flush().await;
        Ok(self.shared.store.acts().recent(limit).await?)
    }

    /// Who has a port of this machine.
    pub async fn who(&self, port: u16) -> Result<PortView, Error> {
        let layout = self.shared.layout.clone();
        // A look through `/proc` is quick but not instant.
        tokio::task::spawn_blocking(move || crate::who::who(&layout, port))
            .await
            .map_err(|_| Error::Closing)
    }

    /// Waits until all that an act set in motion has come to rest.
    pub async fn wait(&self, act: ActId, timeout: Duration) -> Result<Settled, Error> {
        self.shared.door.wait(act, timeout).await
    }

    // === acts ===

    /// Does what a person orders. The act is under way when this returns; see [`Handle::wait`].
    pub async fn order(&self, actor: Actor, order: Order, reason: String) -> Result<Act, Error> {
        let (verb, cluster, services) = order.parts();
        crate::volumes::of_a_person(&actor, &order)?;
        if let Some(cluster) = &cluster {
            self.shared.owner(cluster)?;
        }
        let going = self.going(&order).await?;
        let starts = matches!(
            verb,
            Verb::Start | Verb::Restart | Verb::Resume | Verb::Release | Verb::Scale
        );
        if starts {
            self.not_overtaken()?;
        }
        let mut target = Target {
            cluster: cluster.clone(),
            services,
            instance: None,
        };
        // Persons see what they take with it, and may. Others are judged for each.
        if actor.kind != ActorKind::Person {
            self.shared.picture.take_along(verb, &mut target);
        }
        let details = order.details();
        let reason = match (&order, reason.as_str()) {
            // Nothing else in the book says which.
            (Order::Autonomy { .. }, "") => details.clone(),
            (Order::Autonomy { .. }, why) => format!("{details}: {why}"),
            _ => reason,
        };
        let act = self
            .admit_so(actor, verb, target, &reason, &details)
            .await?;
        let left = match starts {
            true => self.leave_emergency().await,
            false => Ok(()),
        };
        let result = match (order, cluster) {
            _ if left.is_err() => left,
            (Order::Resume, _) => self.resume(&act).await,
            (Order::Forget { .. }, Some(cluster)) => self.forget(&cluster, act.id).await,
            (order, Some(cluster)) => self.wish(&cluster, order.wish(going), &act).await,
            (_, None) => Err(Error::BadRequest("this needs a cluster".into())),
        };
        self.conclude(act.id, &result);
        result.map(|()| act)
    }

    /// Through the door, which is shut before the rest of the engine is.
    pub(crate) async fn admit(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: &str,
    ) -> Result<Act, Error> {
        self.admit_so(actor, verb, target, reason, "").await
    }

    /// The same with what else belongs to the act, in words.
    pub(crate) async fn admit_so(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: &str,
        details: &str,
    ) -> Result<Act, Error> {
        let terms = self.terms(details);
        let door = &self.shared.door;
        self.through(door.admit_so(actor, verb, target, reason, terms))
            .await
    }

    pub(crate) fn terms<'a>(&self, details: &'a str) -> Terms<'a> {
        Terms {
            details,
            approval: self.approval,
        }
    }

    /// The same, for one of the door's ways in.
    pub(crate) async fn through(
        &self,
        way: impl Future<Output = Result<Act, Error>>,
    ) -> Result<Act, Error> {
        let closing = &self.shared.cancel;
        if closing.is_cancelled() {
            return Err(Error::Closing);
        }
        // The store may be closed by now, and that is not why it failed.
        way.await.map_err(|error| match closing.is_cancelled() {
            true => Error::Closing,
            false => error,
        })
    }

    async fn wish(&self, cluster: &ClusterId, order: Wish, act: &Act) -> Result<(), Error> {
        let owned = self.shared.owner(cluster)?;
        let (reply, answer) = oneshot::channel();
        let act = act.clone();
        self.tell(&owned, Message::Order { order, act, reply }, answer)
            .await
    }

    async fn resume(&self, act: &Act) -> Result<(), Error> {
        let clusters = self.shared.last_stopped();
        if clusters.is_empty() {
            let why = "nothing to resume: no stop of a whole cluster is remembered";
            return Err(Error::Conflict(why.into()));
        }
        self.shared.door.expect(act.id, clusters.len());
        for cluster in clusters {
            self.wish(&cluster, Wish::Resume, act).await?;
        }
        Ok(())
    }

    async fn forget(&self, cluster: &ClusterId, act: ActId) -> Result<(), Error> {
        let owned = self.shared.owner(cluster)?;
        let (reply, answer) = oneshot::channel();
        self.tell(&owned, Message::Forget { reply }, answer).await?;
        self.shared.remove_owner(cluster);
        crate::mutes::forget(&self.shared, cluster).await;
        let change = model::view::Change::ClusterRemoved {
            cluster: cluster.clone(),
        };
        self.shared.picture.publish(change);
        self.shared
            .door
            .finish(act, model::Outcome::Done("forgotten; its logs stay".into()));
        Ok(())
    }

    pub(crate) async fn tell<T>(
        &self,
        owner: &mpsc::Sender<Message>,
        message: Message,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        owner.send(message).await.map_err(|_| Error::Closing)?;
        answer.await.map_err(|_| Error::Closing)?
    }

    /// A refusal by the owner ends the act at once.
    pub(crate) fn conclude<T>(&self, act: ActId, result: &Result<T, Error>) {
        if let Err(error) = result {
            self.shared
                .door
                .finish(act, model::Outcome::Failed(error.story()));
        }
    }
}

impl Order {
    /// What else it says, in words: who approves of it approves of exactly that.
    fn details(&self) -> String {
        match self {
            Order::DownWithVolumes { volumes, .. } => {
                format!("with all that is in its volumes {}", volumes.join(", "))
            }
            Order::Restart { at_once: true, .. } => "all instances at once".to_owned(),
            Order::Scale { replicas, .. } => format!("to {replicas} instances"),
            Order::Hold {
                span: Some(span), ..
            } => format!("for {} s", span.as_secs_f64()),
            Order::Autonomy { mode, .. } => match mode {
                Some(mode) => mode.name().to_owned(),
                None => "as defined".to_owned(),
            },
            Order::Down { .. }
            | Order::Start { .. }
            | Order::Stop { .. }
            | Order::Restart { .. }
            | Order::Hold { .. }
            | Order::Unhold { .. }
            | Order::Release { .. }
            | Order::Resume
            | Order::Forget { .. } => String::new(),
        }
    }

    fn parts(&self) -> (Verb, Option<ClusterId>, Vec<ServiceName>) {
        let (verb, cluster, services) = match self {
            Order::Down { cluster } | Order::DownWithVolumes { cluster, .. } => {
                (Verb::Down, Some(cluster), vec![])
            }
            Order::Forget { cluster } => (Verb::Forget, Some(cluster), vec![]),
            Order::Resume => (Verb::Resume, None, vec![]),
            Order::Start { cluster, services } => (Verb::Start, Some(cluster), services.clone()),
            Order::Stop { cluster, services } => (Verb::Stop, Some(cluster), services.clone()),
            Order::Restart {
                cluster, services, ..
            } => (Verb::Restart, Some(cluster), services.clone()),
            Order::Hold {
                cluster, services, ..
            } => (Verb::Hold, Some(cluster), services.clone()),
            Order::Autonomy { cluster, .. } => (Verb::Autonomy, Some(cluster), vec![]),
            Order::Unhold { cluster, services } => (Verb::Unhold, Some(cluster), services.clone()),
            Order::Release { cluster, services } => {
                (Verb::Release, Some(cluster), services.clone())
            }
            Order::Scale {
                cluster, service, ..
            } => (Verb::Scale, Some(cluster), vec![service.clone()]),
        };
        (verb, cluster.cloned(), services)
    }

    fn wish(self, going: Vec<Going>) -> Wish {
        match self {
            Order::Down { .. } | Order::DownWithVolumes { .. } => Wish::Down(going),
            Order::Start { services, .. } => Wish::Start(services),
            Order::Stop { services, .. } => Wish::Stop(services),
            Order::Restart {
                services, at_once, ..
            } => Wish::Restart(services, at_once),
            Order::Scale {
                service, replicas, ..
            } => Wish::Scale(service, replicas),
            Order::Hold { services, span, .. } => Wish::Hold(services, span),
            Order::Unhold { services, .. } => Wish::Unhold(services),
            Order::Autonomy { mode, .. } => Wish::Autonomy(mode),
            Order::Release { services, .. } => Wish::Release(services),
            // Neither reaches an owner this way; resuming twice does nothing twice.
            Order::Resume | Order::Forget { .. } => Wish::Resume,
        }
    }
}

/// A folder as it is known for ever. What is not text could neither be recorded nor shown.
pub(crate) fn canonical(folder: &Path) -> Result<PathBuf, Error> {
    let real = folder.canonicalize().map_err(|source| Error::Folder {
        path: folder.to_owned(),
        source,
    })?;
    match real.to_str() {
        Some(_) => Ok(real),
        None => Err(Error::NotText(real)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_folder_whose_path_is_not_text_is_refused_also_behind_a_link() {
        let root = tempfile::tempdir().unwrap();
        let odd = root.path().join(std::ffi::OsStr::from_bytes(b"sh\xffp"));
        std::fs::create_dir(&odd).unwrap();
        let link = root.path().join("shop");
        std::os::unix::fs::symlink(&odd, &link).unwrap();
        for folder in [odd, link] {
            let refused = canonical(&folder).unwrap_err().story();
            assert!(refused.contains("is not UTF-8"), "{refused}");
        }
    }
}
