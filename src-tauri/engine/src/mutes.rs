//! Notifications that a person turned off: of what, and until when. Kept in the store, so that the next engine knows
//! them, told in the feed, and ended here when their time is over.
//!
//! Whether something is notified of is for `desktop` to decide, which shows notifications. No incident is another
//! for being muted, and nothing else than the notification of an incident is kept back.

use crate::clock::Clock;
use crate::owner::{nearest, until};
use crate::picture::Picture;
use crate::shared::Shared;
use crate::{Error, Handle};
use model::view::{Change, NotificationsView};
use model::{Act, Actor, ClusterId, Mute, Outcome, ServiceName, Target, Timestamp, Verb};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{Mutex, Notify};

/// By which the store knows them.
const KEY: &str = "mutes";
/// Mutes at a time. Who has so many wants to mute a cluster.
const MOST: usize = 200;
/// Longest sleep before it is looked again whether one is over: clocks are set, and machines sleep.
const LOOK: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Default)]
pub(crate) struct Mutes {
    /// Held while they are written: what is told is what is kept.
    list: Mutex<Vec<Mute>>,
    changed: Notify,
}

impl Mutes {
    /// What the last engine kept, as far as it is not over; told at once. What cannot be read is no reason not to
    /// begin: then everything is notified of.
    pub(crate) async fn open(store: &Store, picture: &Picture) -> Result<Self, Error> {
        let mut list: Vec<Mute> = match store.meta().get(KEY).await? {
            Some(kept) => serde_json::from_str(&kept).unwrap_or_else(|error| {
                tracing::error!(%error, "the mutes that were kept cannot be read; nothing is muted");
                Vec::new()
            }),
            None => Vec::new(),
        };
        let now = Clock::wall();
        list.retain(|one| !one.over(now));
        list.truncate(MOST);
        let mutes = list.clone();
        picture.publish(Change::Mutes { mutes });
        Ok(Self {
            list: Mutex::new(list),
            changed: Notify::new(),
        })
    }
}

async fn keep(store: &Store, list: &[Mute]) -> Result<(), Error> {
    // Names and numbers; serde_json cannot fail on them.
    let text = serde_json::to_string(list).unwrap_or_default();
    Ok(store.meta().set(KEY, &text).await?)
}

/// Ends what is over, until the engine ends. Nothing is looked for while nothing is muted.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mutes = &shared.mutes;
    loop {
        let next = end(&shared, |one, now| one.over(now)).await;
        let wait = next.map(|at| Duration::from_millis(at.millis_since(Clock::wall())).min(LOOK));
        tokio::select! {
            () = shared.cancel.cancelled() => return,
            () = mutes.changed.notified() => {}
            () = tokio::time::sleep(wait.unwrap_or(LOOK)), if wait.is_some() => {}
        }
    }
}

/// A cluster is forgotten, and what was muted of it.
pub(crate) async fn forget(shared: &Shared, cluster: &ClusterId) {
    end(shared, |one, _| one.cluster.as_ref() == Some(cluster)).await;
}

/// Ends some, and answers when the next of the others is over. One that cannot be written down has ended all the
/// same: what is over, the next engine leaves out, too.
async fn end(shared: &Shared, which: impl Fn(&Mute, Timestamp) -> bool) -> Option<Timestamp> {
    let mut list = shared.mutes.list.lock().await;
    let (before, now) = (list.len(), Clock::wall());
    list.retain(|one| !which(one, now));
    if list.len() != before {
        let mutes = list.clone();
        shared.picture.publish(Change::Mutes { mutes });
        if let Err(error) = keep(&shared.store, &list).await {
            tracing::warn!(%error, "the end of a mute is not written down");
        }
    }
    list.iter().filter_map(|one| one.until).min()
}

impl Handle {
    /// What the desktop app is to show notifications of.
    pub fn notifications_view(&self) -> NotificationsView {
        let settings = &self.shared.notifications;
        NotificationsView {
            enabled: settings.enabled,
            except: settings.except.iter().cloned().collect(),
            quiet: settings.quiet.iter().map(ToString::to_string).collect(),
            mutes: self.shared.picture.mutes(),
        }
    }

    /// Turns notifications off: of the target's services, of its whole cluster, or of everything. What is muted
    /// already is muted for this time instead.
    ///
    /// # Errors
    /// That there is no such cluster or service, that there are too many mutes, that the time is none, or what the
    /// door or the store says.
    pub async fn mute(
        &self,
        actor: Actor,
        target: Target,
        span: Option<Duration>,
        reason: String,
    ) -> Result<Act, Error> {
        self.is_there(&target)?;
        let until = span.map(|span| until("a mute", span)).transpose()?;
        let since = Clock::wall();
        let wanted = whom(&target).map(|(cluster, service)| Mute {
            cluster: cluster.cloned(),
            service: service.cloned(),
            since,
            until,
        });
        let wanted: Vec<Mute> = wanted.collect();
        let change = move |list: &mut Vec<Mute>| {
            let again = |known: &Mute| {
                let mut wanted = wanted.iter();
                wanted.any(|one| known.is_of(one.cluster.as_ref(), one.service.as_ref()))
            };
            list.retain(|known| !again(known));
            list.extend(wanted);
            if list.len() > MOST {
                return Err(Error::Conflict(format!(
                    "at most {MOST} things are muted at a time; end some, or mute a whole cluster"
                )));
            }
            // The widest first, and otherwise by name.
            list.sort_by(|a, b| (&a.cluster, &a.service).cmp(&(&b.cluster, &b.service)));
            Ok("notifications are off")
        };
        self.change_mutes(actor, Verb::Mute, target, &reason, change)
            .await
    }

    /// Turns notifications on again of exactly these: what else is muted stays so.
    ///
    /// # Errors
    /// What the door or the store says.
    pub async fn unmute(&self, actor: Actor, target: Target, reason: String) -> Result<Act, Error> {
        let meant = target.clone();
        let change = move |list: &mut Vec<Mute>| {
            let before = list.len();
            list.retain(|known| {
                !whom(&meant).any(|(cluster, service)| known.is_of(cluster, service))
            });
            Ok(match list.len() < before {
                true => "notifications are on",
                // One that has just ended by itself is no mistake of who ends it.
                false => "it was not muted",
            })
        };
        self.change_mutes(actor, Verb::Unmute, target, &reason, change)
            .await
    }

    async fn change_mutes(
        &self,
        actor: Actor,
        verb: Verb,
        target: Target,
        reason: &str,
        change: impl FnOnce(&mut Vec<Mute>) -> Result<&'static str, Error>,
    ) -> Result<Act, Error> {
        let shared = &self.shared;
        let mut list = shared.mutes.list.lock().await;
        let mut next = list.clone();
        let said = change(&mut next)?;
        let act = self.admit(actor, verb, target, reason).await?;
        let kept = keep(&shared.store, &next).await;
        self.conclude(act.id, &kept);
        kept?;
        let mutes = next.clone();
        shared.picture.publish(Change::Mutes { mutes });
        *list = next;
        drop(list);
        shared.mutes.changed.notify_one();
        shared.door.finish(act.id, Outcome::Done(said.to_owned()));
        Ok(act)
    }

    /// The cluster is one of this home, and the services are of it.
    fn is_there(&self, target: &Target) -> Result<(), Error> {
        let Some(cluster) = &target.cluster else {
            return match target.services.is_empty() {
                true => Ok(()),
                false => Err(Error::BadRequest("a service is one of a cluster".into())),
            };
        };
        self.shared.owner(cluster)?;
        let defined = self.shared.picture.services(cluster);
        match target.services.iter().find(|name| !defined.contains(name)) {
            None => Ok(()),
            Some(unknown) => Err(Error::NoService {
                cluster: cluster.clone(),
                service: unknown.clone(),
                near: nearest(unknown, defined.iter()),
            }),
        }
    }
}

/// Everyone a target means, each a mute of its own.
fn whom(target: &Target) -> impl Iterator<Item = (Option<&ClusterId>, Option<&ServiceName>)> {
    let cluster = target.cluster.as_ref();
    let all = target.services.is_empty().then_some((cluster, None));
    let some = target.services.iter().map(Some);
    all.into_iter()
        .chain(some.map(move |service| (cluster, service)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{LIMIT, config, me, sleeper};
    use crate::{Engine, Order};
    use testkit::{Home, eventually_async};

    fn of(cluster: Option<&ClusterId>, services: &[&str]) -> Target {
        Target {
            cluster: cluster.cloned(),
            services: services.iter().map(|name| name.parse().unwrap()).collect(),
            instance: None,
        }
    }

    fn named(handle: &Handle) -> Vec<String> {
        let word = |one: &Mute| match (&one.cluster, &one.service) {
            (None, _) => "everything".to_owned(),
            (Some(_), None) => "cluster".to_owned(),
            (Some(_), Some(service)) => service.to_string(),
        };
        handle.snapshot().mutes.iter().map(word).collect()
    }

    async fn mute(
        handle: &Handle,
        target: Target,
        span: Option<Duration>,
    ) -> Result<String, Error> {
        let act = handle.mute(me(), target, span, "a demo".into()).await?;
        Ok(outcome(handle, &act).await)
    }

    async fn outcome(handle: &Handle, act: &Act) -> String {
        assert!(handle.wait(act.id, LIMIT).await.unwrap().settled);
        let acts = handle.acts(20).await.unwrap();
        let act = acts.into_iter().find(|one| one.id == act.id).unwrap();
        match act.outcome {
            Outcome::Done(said) => said,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_muted_is_told_in_the_feed_and_written_in_the_book() {
        let home = Home::new();
        let (_engine, handle, cluster) = sleeper(&home).await;
        let (snapshot, mut changes) = handle.feed();
        assert_eq!(snapshot.mutes, []);
        let hour = Duration::from_secs(3_600);
        let before = Clock::wall().0;
        let said = mute(&handle, of(Some(&cluster), &["db"]), Some(hour)).await;
        assert_eq!(said.unwrap(), "notifications are off");
        let told = loop {
            if let Change::Mutes { mutes } = &changes.recv().await.unwrap().change {
                break mutes.clone();
            }
        };
        let ends = told[0].until.unwrap().0 - before;
        assert!((3_600_000..3_700_000).contains(&ends), "{ends}");
        assert_eq!(told, handle.notifications_view().mutes);
        mute(&handle, of(None, &[]), None).await.unwrap();
        mute(&handle, of(Some(&cluster), &[]), None).await.unwrap();
        // Muted again it is muted for that time instead, and is one mute.
        mute(&handle, of(Some(&cluster), &["db"]), None)
            .await
            .unwrap();
        assert_eq!(named(&handle), ["everything", "cluster", "db"]);
        assert!(
            handle
                .snapshot()
                .mutes
                .iter()
                .all(|one| one.until.is_none())
        );

        // Ended is only what is named.
        let unmute = |target: Target| handle.unmute(me(), target, String::new());
        let act = unmute(of(Some(&cluster), &[])).await.unwrap();
        assert_eq!(outcome(&handle, &act).await, "notifications are on");
        assert_eq!(named(&handle), ["everything", "db"]);
        let act = unmute(of(Some(&cluster), &[])).await.unwrap();
        assert_eq!(outcome(&handle, &act).await, "it was not muted");
        let book = handle.acts(20).await.unwrap();
        let act = book.iter().find(|act| act.verb == Verb::Mute).unwrap();
        assert_eq!(act.reason, "a demo");
        handle.shutdown(me(), true, String::new()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mute_ends_by_itself_and_the_next_engine_keeps_the_others() {
        let home = Home::new();
        let (engine, handle, cluster) = sleeper(&home).await;
        let moment = Some(Duration::from_millis(300));
        mute(&handle, of(Some(&cluster), &["db"]), moment)
            .await
            .unwrap();
        mute(&handle, of(Some(&cluster), &[]), None).await.unwrap();
        let ended = || named(&handle) == ["cluster"];
        assert!(eventually_async(LIMIT, ended).await, "{:?}", named(&handle));
        // One that ends while no engine is there: long enough for this one to be gone, however slowly.
        let soon = Duration::from_secs(2);
        let over = Clock::wall().0 + 2_000;
        mute(&handle, of(None, &[]), Some(soon)).await.unwrap();
        assert!(
            named(&handle).contains(&"everything".to_owned()),
            "{:?}",
            named(&handle)
        );
        handle.shutdown(me(), true, String::new()).await;
        drop(engine);

        assert!(eventually_async(LIMIT, || Clock::wall().0 > over).await);
        let engine = Engine::start(config(&home)).await.unwrap();
        let handle = engine.handle();
        assert_eq!(named(&handle), ["cluster"]);
        // And what is forgotten is muted no more.
        let down = Order::Down {
            cluster: cluster.clone(),
        };
        let act = handle.order(me(), down, String::new()).await.unwrap();
        handle.wait(act.id, LIMIT).await.unwrap();
        let forget = Order::Forget { cluster };
        handle.order(me(), forget, String::new()).await.unwrap();
        assert_eq!(named(&handle), [""; 0]);
        handle.shutdown(me(), true, String::new()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_not_there_too_long_or_too_much_is_refused_and_nothing_is_muted() {
        let home = Home::new();
        let (_engine, handle, cluster) = sleeper(&home).await;
        let refused = async |target: Target, span: Option<Duration>| {
            mute(&handle, target, span).await.unwrap_err().story()
        };
        let text = refused(of(Some(&cluster), &["bd"]), None).await;
        assert!(text.contains("did you mean db?"), "{text}");
        let other = "shop-1".parse().unwrap();
        let text = refused(of(Some(&other), &[]), None).await;
        assert!(text.contains("no cluster shop-1"), "{text}");
        let text = refused(of(None, &["db"]), None).await;
        assert!(text.contains("one of a cluster"), "{text}");
        let month = Duration::from_secs(30 * 86_400);
        for span in [Duration::ZERO, month + Duration::from_secs(1)] {
            let text = refused(of(None, &[]), Some(span)).await;
            assert!(text.contains("at most 30 days"), "{text}");
        }
        {
            let mut list = handle.shared.mutes.list.lock().await;
            list.extend((0..MOST).map(|n| Mute {
                cluster: Some(cluster.clone()),
                service: Some(format!("s-{n}").parse().unwrap()),
                since: Timestamp(0),
                until: None,
            }));
        }
        let text = refused(of(None, &[]), None).await;
        assert!(text.contains("at most 200"), "{text}");
        assert_eq!(named(&handle), [""; 0]);
        handle.shutdown(me(), true, String::new()).await;
    }
}
