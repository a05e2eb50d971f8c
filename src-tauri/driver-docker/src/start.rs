//! Starting: the intent first, then the container, which is made anew only when it would be another
//! one. What a service keeps in its container's own files, or in volumes without a name, outlives a
//! restart.

use crate::daemon::{Fault, QUICK, WORK, ask};
use crate::find::hex;
use crate::flight::Flight;
use crate::look::{Seen, Stage, look};
use crate::record::{Environment, Intent};
use crate::shared::Whose;
use crate::spec::{ContainerSpec, Mount, Published};
use crate::unit::{LATE, Unit};
use crate::{Launch, files, labels, taken};
use bollard::models::NetworkConnectRequest;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};
use model::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Why it was not started.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: String,
    next: Next,
}

/// What trying again may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The same.
    Nothing,
    /// Perhaps a container.
    Again,
    /// A container, when it is made anew: what it was made for is gone.
    Anew,
    /// A container, as soon as its daemon answers.
    Daemon,
}

impl Refusal {
    fn again(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            next: Next::Again,
        }
    }

    fn for_good(error: String) -> Self {
        Self {
            error,
            next: Next::Nothing,
        }
    }

    fn of(what: &str, fault: &Fault) -> Self {
        Self {
            error: format!("failed to {what}: {fault}"),
            next: match fault {
                Fault::Silent(_) => Next::Daemon,
                fault if fault.passes() => Next::Again,
                _ => Next::Nothing,
            },
        }
    }
}

impl Unit {
    pub(crate) async fn on_start(&mut self, launch: Launch, asked: Timestamp) {
        let generation = launch.generation;
        if let Some(why) = self.out_of_reach() {
            let failed = self.whose.start_failed(generation, why, true);
            return self.shared.say(failed).await;
        }
        if let Some(living) = &self.life {
            if living.generation < generation {
                let running = living.generation;
                let error = format!("it already runs as {} (generation {running})", self.name);
                let failed = self.whose.start_failed(generation, error, true);
                self.shared.say(failed).await;
            }
            return;
        }
        (self.stopping, self.timer) = (None, None);
        let started = match Flight::begin(&self.folder) {
            Ok(flight) => {
                let mut flight = Some(flight);
                let started = self.start(launch, asked, &mut flight).await;
                if let Some(flight) = flight
                    && self.late.is_none()
                {
                    flight.over();
                }
                started
            }
            Err(error) => Err(Refusal::again(format!("failed to note its start: {error}"))),
        };
        if let Err(Refusal { error, next }) = started {
            let failed = match next {
                // That nobody answers is no fault of the service.
                Next::Daemon => self.whose.start_delayed(generation, error),
                Next::Again | Next::Anew => self.whose.start_failed(generation, error, true),
                Next::Nothing => self.whose.start_failed(generation, error, false),
            };
            self.shared.say(failed).await;
        }
    }

    async fn start(
        &mut self,
        launch: Launch,
        asked: Timestamp,
        flight: &mut Option<Flight>,
    ) -> Result<(), Refusal> {
        self.not_in_an_emergency(asked)?;
        let definition = self.definition(&launch).await?;
        let (kept, unnamed) = self.make_way(&definition).await?;
        if !unnamed.is_empty() {
            self.unnamed = unnamed;
        }
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| Refusal::again(error.to_string()))?;
        let intent = Intent {
            generation: launch.generation,
            nonce: hex(&nonce),
            definition,
            endpoint: self.shared.daemon.endpoint.address.to_string(),
            before: kept.clone().map(|seen| seen.anchor),
            log_keep: launch.log_keep,
        };
        let written = intent.write(&self.folder);
        written.map_err(|error| Refusal::again(format!("failed to write the intent: {error}")))?;
        Environment::of(&launch).write(&self.folder);
        self.intent = Some(intent.clone());
        let mut is_new = kept.is_none();
        let mut id = match &kept {
            Some(seen) => seen.anchor.id.clone(),
            None => self.make(&launch, &intent).await?,
        };
        let ports = &launch.spec.ports;
        let mut begun = self.begin(&id, ports, asked).await;
        if let Err(Refusal {
            error,
            next: Next::Anew,
        }) = &begun
            && let Some(seen) = kept
        {
            self.say(&format!("{error}; it is made anew"));
            id = self.make_anew(&launch, &intent, seen).await?;
            is_new = true;
            begun = self.begin(&id, ports, asked).await;
        }
        if begun.is_err() && is_new {
            // It has never run: nothing is lost with it.
            if self.remove(&id).await.is_err() {
                self.late = Some(Instant::now() + LATE);
            }
        }
        begun?;
        self.unnamed.clear();
        let mut seen = self.seen().await;
        if seen.is_err() {
            // Podman reads of a process that may just have ended, and says so; then it knows.
            seen = self.seen().await;
        }
        let seen = seen.map_err(|fault| self.given_up("look at it", &fault))?;
        let seen = seen.ok_or_else(|| Refusal::again("somebody has removed it"))?;
        self.late = None;
        self.take_up(launch.generation, &seen, true).await;
        // Before anybody hears of it.
        if let Some(flight) = flight.take() {
            flight.over();
        }
        let started = self.whose.started(launch.generation, seen.pid);
        self.shared.say(started).await;
        if self.not_in_an_emergency(asked).is_err() {
            // The stop came between our look and the start, and may have missed it.
            self.end_now(&id).await;
        }
        // It may have ended meanwhile, before anybody watched.
        self.on_look().await;
        Ok(())
    }

    /// Also one that came and was over since this was asked for.
    fn not_in_an_emergency(&self, asked: Timestamp) -> Result<(), Refusal> {
        let layout = &self.shared.layout;
        if driver::emergency::in_force(layout) {
            return Err(Refusal::again("an emergency stop is in force"));
        }
        if driver::emergency::stopped_at(layout).is_some_and(|at| at >= asked) {
            return Err(Refusal::again(
                "an emergency stop came since it was asked for",
            ));
        }
        Ok(())
    }

    /// What the container is made of: what is asked for, and what the image's name means just now.
    async fn definition(&self, launch: &Launch) -> Result<String, Refusal> {
        let image = &launch.spec.image;
        let api = self.shared.daemon.api();
        let found = ask(QUICK, api.inspect_image(image)).await;
        let found = found.map_err(|fault| match fault {
            fault if fault.is_not_found() => Refusal::for_good(format!(
                "there is no image {image} here: it is to be pulled or built first"
            )),
            fault => Refusal::of("look for its image", &fault),
        })?;
        let spec = launch.spec.hash();
        let whole = format!("{spec} {}", found.id.unwrap_or_default());
        Ok(hex(&Sha256::digest(whole)))
    }

    /// The container to start again, when it would be made the same; else nothing is left of it but
    /// volumes without a name, which the next one gets.
    async fn make_way(
        &mut self,
        definition: &str,
    ) -> Result<(Option<Seen>, Vec<(String, String)>), Refusal> {
        let seen = look(&self.shared.daemon, &self.name).await;
        let Some(seen) = seen.map_err(|fault| Refusal::of("look for its container", &fault))?
        else {
            return Ok((None, Vec::new()));
        };
        if !self.owns(&seen) {
            let owner = seen.owner();
            return Err(Refusal::for_good(format!(
                "the container {} belongs to {owner}",
                self.name
            )));
        }
        let seen = match seen.lives() {
            true => match self.ended_first(seen).await? {
                Some(seen) => seen,
                None => return Ok((None, Vec::new())),
            },
            false => seen,
        };
        let same = seen.labels.get(labels::DEFINITION).map(String::as_str) == Some(definition);
        if same && seen.stage != Stage::Made {
            // Its end, if it has just been ended, changes nothing of when it was started.
            return Ok((Some(seen), Vec::new()));
        }
        self.remove_before(&seen).await?;
        Ok((None, seen.unnamed))
    }

    /// Its last words are told before it is gone.
    async fn remove_before(&self, seen: &Seen) -> Result<(), Refusal> {
        if seen.stage == Stage::Ended {
            let generation = self.last.map_or(Default::default(), |(last, _)| last);
            self.copy(generation, seen, false).await.finish().await;
        }
        let removed = self.remove(&seen.anchor.id).await;
        removed.map_err(|fault| Refusal::of("remove the container before it", &fault))
    }

    /// What a kept container was made for is gone, like a network that was made again under its name.
    /// The new one gets its volumes without a name.
    async fn make_anew(
        &mut self,
        launch: &Launch,
        intent: &Intent,
        kept: Seen,
    ) -> Result<String, Refusal> {
        self.remove_before(&kept).await?;
        self.unnamed = kept.unnamed;
        self.make(launch, intent).await
    }

    fn say(&self, text: &str) {
        let Whose { cluster, instance } = &self.whose;
        let text = format!("azora: {text}");
        if let Err(error) = crate::record::say(&self.shared.layout, cluster, instance, &text) {
            tracing::warn!(container = self.name, %error, "failed to write into its log");
        }
    }

    /// Nobody's: a start that came late, or somebody started it by hand. While it lives, a start would be told of
    /// the process that runs already.
    async fn ended_first(&self, seen: Seen) -> Result<Option<Seen>, Refusal> {
        self.end_now(&seen.anchor.id).await;
        let again = look(&self.shared.daemon, &self.name).await;
        let again = again.map_err(|fault| Refusal::of("look for its container", &fault))?;
        match again {
            Some(again) if again.lives() => Err(Refusal::again(format!(
                "the container {} runs, is none of ours and does not end",
                self.name
            ))),
            again => Ok(again),
        }
    }

    async fn make(&self, launch: &Launch, intent: &Intent) -> Result<String, Refusal> {
        let mut spec = launch.spec.clone();
        for (name, target) in self.unnamed.clone() {
            let mut mounts = spec.mounts.iter_mut();
            match mounts.find(|mount| mount.target() == target) {
                Some(Mount::Volume { name: own, .. }) => _ = own.get_or_insert(name),
                Some(_) => {}
                None => spec.mounts.push(Mount::Volume {
                    name: Some(name),
                    target,
                    read_only: false,
                    nocopy: false,
                    subpath: None,
                    labels: BTreeMap::new(),
                }),
            }
        }
        let mut labels = spec
            .labels
            .clone()
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>();
        labels.extend(labels::of_container(
            &self.shared.home,
            &self.whose.cluster,
            &self.whose.instance,
            launch.generation,
            &intent.nonce,
            &intent.definition,
        ));
        if let Some(keep) = launch.log_keep {
            labels.insert(labels::LOG_KEEP.into(), keep.to_string());
        }
        let api = self.shared.daemon.api();
        let mut options = CreateContainerOptionsBuilder::new().name(&self.name);
        if let Some(platform) = &spec.platform {
            options = options.platform(platform);
        }
        let options = options.build();
        let made = ask(WORK, api.create_container(Some(options), spec.body(labels))).await;
        let made = made.map_err(|fault| Refusal::of("make its container", &fault))?;
        if let Err(refusal) = self.furnish(&made.id, &spec).await {
            // It has never run.
            let _ = self.remove(&made.id).await;
            return Err(refusal);
        }
        Ok(made.id)
    }

    /// What a container gets that cannot be said when it is made.
    async fn furnish(&self, id: &str, spec: &ContainerSpec) -> Result<(), Refusal> {
        let api = self.shared.daemon.api();
        for more in spec.networks.iter().skip(1) {
            let request = NetworkConnectRequest {
                container: id.to_owned(),
                endpoint_config: Some(more.settings()),
            };
            let joined = ask(WORK, api.connect_network(&more.network, request)).await;
            joined.map_err(|fault| {
                Refusal::of(&format!("put it on the network {}", more.network), &fault)
            })?;
        }
        let put = files::put(&self.shared.daemon, id, &spec.files).await;
        put.map_err(|fault| Refusal::of("put files into its container", &fault))
    }

    async fn begin(
        &mut self,
        id: &str,
        ports: &[Published],
        asked: Timestamp,
    ) -> Result<(), Refusal> {
        self.not_in_an_emergency(asked)?;
        let begun = ask(WORK, self.shared.daemon.api().start_container(id, None)).await;
        match begun {
            // A network it was made for is gone, or the container: made anew it has another.
            Err(fault) if fault.is_not_found() => Err(Refusal {
                error: format!("failed to start its container: {fault}"),
                next: Next::Anew,
            }),
            Err(fault) => match taken::port(&fault, ports) {
                Some(port) => Err(Refusal::again(
                    taken::told(&self.shared.daemon, &self.name, port).await,
                )),
                None => Err(self.given_up("start its container", &fault)),
            },
            Ok(()) => Ok(()),
        }
    }

    /// A start that nobody waits for any more may still be done by a slow daemon.
    fn given_up(&mut self, what: &str, fault: &Fault) -> Refusal {
        if matches!(fault, Fault::Silent(_)) {
            self.late = Some(Instant::now() + LATE);
        }
        Refusal::of(what, fault)
    }

    /// Ends it at once, and waits until the daemon says that it has ended.
    pub(crate) async fn end_now(&self, id: &str) {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        let api = self.shared.daemon.api();
        // It may have ended meanwhile; that it runs on is seen by the next look.
        let _ = ask(QUICK, api.kill_container(id, Some(options))).await;
        let until = Instant::now() + QUICK;
        while let Ok(Some(seen)) = look(&self.shared.daemon, id).await {
            if !seen.lives() || Instant::now() >= until {
                return;
            }
            // The daemon calls when it has ended, or nobody does.
            let _ = tokio::time::timeout(QUICK / 50, self.looks.notified()).await;
        }
    }

    /// Removes a container and nothing that outlives it: volumes stay.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), Fault> {
        let options = RemoveContainerOptionsBuilder::new()
            .force(true)
            .v(false)
            .build();
        let api = self.shared.daemon.api();
        match ask(WORK, api.remove_container(id, Some(options))).await {
            Err(fault) if fault.is_not_found() => Ok(()),
            // Somebody removes it already.
            Err(fault) if fault.is_conflict() => Ok(()),
            removed => removed,
        }
    }
}
