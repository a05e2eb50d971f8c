//! Removing what a cluster has in a container daemon: all of it but volumes, and of those what a person has named.

use super::{Containers, lock};
use crate::record::Going;
use driver_docker::{Address, ContainerDriver, Endpoint, Fault, Kept, find};
use model::ClusterId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What came of it, to who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cleared {
    /// What came of containers and networks.
    pub(crate) rest: Rest,
    /// Volumes that are gone. What several have asked for is told to the first of them.
    pub(crate) removed: Vec<String>,
    /// Volumes that are not, and why.
    pub(crate) stay: BTreeMap<String, String>,
}

/// What came of a cluster's containers and networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They are gone.
    Gone,
    /// Some are left, and why. No volume was touched.
    Left(String),
    /// The engine ended before that is known, and the next one goes on.
    BrokeOff,
}

impl Cleared {
    /// What was not done, for people.
    pub(crate) fn wrong(&self) -> Option<String> {
        let rest = match &self.rest {
            Rest::Gone => None,
            Rest::Left(why) => Some(format!(
                "failed to remove the cluster's containers and networks: {why}; `azora down` tries again"
            )),
            Rest::BrokeOff => Some(
                "the engine ended before all of the cluster was removed; the next one goes on with it"
                    .to_owned(),
            ),
        };
        let stay = self.stay.iter();
        let stay: Vec<String> = stay.map(|(name, why)| format!("{name} ({why})")).collect();
        let stay = (!stay.is_empty()).then(|| {
            let stay = stay.join(", ");
            format!("not removed: {stay}; `azora down --volumes` tries again")
        });
        let wrong: Vec<String> = rest.into_iter().chain(stay).collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }
}

/// Who has asked for it.
pub(super) struct Clearer {
    volumes: Vec<Going>,
    then: Box<dyn FnOnce(Cleared) + Send>,
}

/// What has become of each volume so far.
type Tried = BTreeMap<String, Result<(), String>>;

impl Containers {
    /// Removes all containers and networks of a cluster that is down, and then these volumes with all that is in
    /// them, and tells what came of it. Other volumes stay. What is to be started meanwhile waits from the moment
    /// this is called. While it is under way nothing is made, so who calls again waits for the same: a second one
    /// would remove what was made after the first. Volumes that only a later one names go as well.
    pub(crate) fn clear(
        self: &Arc<Self>,
        cluster: ClusterId,
        volumes: Vec<Going>,
        then: impl FnOnce(Cleared) + Send + 'static,
    ) {
        {
            let mut clearers = lock(&self.clearers);
            let waiting = clearers.entry(cluster.clone()).or_default();
            waiting.push(Clearer {
                volumes,
                then: Box::new(then),
            });
            if waiting.len() > 1 {
                return;
            }
            self.clearing
                .send_modify(|clearing| _ = clearing.insert(cluster.clone()));
        }
        let own = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut tried = Tried::new();
            let work = own.clear_now(&cluster, &mut tried);
            let done = own.cancel.run_until_cancelled(work).await;
            let (rest, waiting) = match done {
                Some(Ok(waiting)) => (Rest::Gone, waiting),
                Some(Err(why)) => (Rest::Left(why), own.take_clearers(&cluster, |_| true)),
                None => (Rest::BrokeOff, own.take_clearers(&cluster, |_| true)),
            };
            for one in waiting.into_iter().flatten() {
                let cleared = told(&rest, &one.volumes, &mut tried);
                (one.then)(cleared);
            }
        });
    }

    /// Removes it, and answers who has asked for that, from where on nobody can join any more.
    async fn clear_now(
        self: &Arc<Self>,
        cluster: &ClusterId,
        tried: &mut Tried,
    ) -> Result<Option<Vec<Clearer>>, String> {
        let told = |fault: Fault| fault.to_string();
        self.relays.end(cluster, None).await;
        let driver = self.driver().await.map_err(|why| why.to_string())?;
        driver.clear(cluster).await.map_err(told)?;
        loop {
            let untried = |one: &Going| !tried.contains_key(&one.name);
            let mut next = None;
            let over = |waiting: &[Clearer]| {
                let mut all = waiting.iter().flat_map(|one| &one.volumes);
                next = all.find(|one| untried(one)).cloned();
                next.is_none()
            };
            let waiting = self.take_clearers(cluster, over);
            let Some(Going { name, unnamed }) = next else {
                return Ok(waiting);
            };
            let removed = match unnamed {
                true => driver.remove_unnamed(&name).await,
                false => driver.remove_volume(cluster, &name).await,
            };
            tried.insert(name, removed.map_err(told));
        }
    }

    /// Takes who waits, if it is over by what these have asked for: who comes later begins anew.
    fn take_clearers(
        &self,
        cluster: &ClusterId,
        over: impl FnOnce(&[Clearer]) -> bool,
    ) -> Option<Vec<Clearer>> {
        let mut clearers = lock(&self.clearers);
        if !over(clearers.get(cluster)?) {
            return None;
        }
        self.clearing
            .send_modify(|clearing| _ = clearing.remove(cluster));
        clearers.remove(cluster)
    }

    /// All volumes of a cluster, and how much is in them.
    ///
    /// # Errors
    /// Why they are not known; of a cluster that has nothing of a daemon, as far as is known here, there are none
    /// where no daemon is.
    pub(crate) async fn volumes(
        self: &Arc<Self>,
        cluster: &ClusterId,
        wanted: bool,
    ) -> Result<Vec<Kept>, String> {
        let Some(driver) = self.driver_of(cluster, wanted).await? else {
            return Ok(Vec::new());
        };
        let kept = driver.kept_volumes(cluster).await;
        kept.map_err(|fault| fault.to_string())
    }

    /// The volumes of a cluster that have these names.
    ///
    /// # Errors
    /// Which it does not have, or why that is not known.
    pub(crate) async fn going(
        self: &Arc<Self>,
        cluster: &ClusterId,
        wanted: bool,
        names: &[String],
    ) -> Result<Vec<Going>, String> {
        let all = match self.driver_of(cluster, wanted).await? {
            Some(driver) => driver.all_volumes(cluster).await,
            None => Ok(BTreeMap::new()),
        };
        let all = all.map_err(|fault| fault.to_string())?;
        let going = names.iter().map(|name| match all.get(name) {
            Some(of) => Ok(Going {
                name: name.clone(),
                unnamed: of.is_some(),
            }),
            None => Err(format!(
                "there is no volume {name} of this cluster (any more): nothing was done, look again at what it has"
            )),
        });
        going.collect()
    }

    /// The driver, or none where there is no daemon for what is not `wanted` to have one.
    async fn driver_of(
        self: &Arc<Self>,
        cluster: &ClusterId,
        wanted: bool,
    ) -> Result<Option<Arc<ContainerDriver>>, String> {
        let written = || !driver_docker::instances(&self.layout, cluster).is_empty();
        match self.driver().await {
            Ok(driver) => Ok(Some(driver)),
            Err(why) if wanted || written() => Err(why.to_string()),
            Err(_) => Ok(None),
        }
    }
}

fn told(rest: &Rest, volumes: &[Going], tried: &mut Tried) -> Cleared {
    let (mut removed, mut stay) = (Vec::new(), BTreeMap::new());
    for Going { name, .. } in volumes {
        match (tried.get(name), rest) {
            (Some(Ok(())), _) => {
                tried.remove(name);
                removed.push(name.clone());
            }
            (Some(Err(why)), _) => _ = stay.insert(name.clone(), why.clone()),
            // It was told already, or goes with the next engine.
            (None, Rest::Gone | Rest::BrokeOff) => {}
            (None, Rest::Left(_)) => {
                stay.insert(name.clone(), "what has it may be left".to_owned());
            }
        }
    }
    Cleared {
        rest: rest.clone(),
        removed,
        stay,
    }
}

impl Containers {
    /// Where the daemon is that it uses, or would look for first; in words where that is none in particular.
    pub(crate) fn address(&self) -> Result<Address, String> {
        if let Some(driver) = self.open() {
            return Ok(driver.daemon().endpoint.address.clone());
        }
        let places = find(&self.around).map_err(|error| error.to_string())?;
        let there = |place: &Endpoint| match &place.address {
            Address::Unix(path) => path.exists(),
            Address::Tcp(_) => true,
        };
        let one = match places.as_slice() {
            [only] => Some(only),
            all => all.iter().find(|place| there(place)),
        };
        let one = one.map(|place| place.address.clone());
        one.ok_or_else(|| "the first that answers of the usual ones".to_owned())
    }
}
