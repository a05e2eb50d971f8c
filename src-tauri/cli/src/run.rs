//! `azora run -- COMMAND`: a cluster up, a command beside it, and the cluster down again.

use crate::acts::failures;
use crate::args::{Place, Run, Up};
use crate::board::Aim;
use crate::definition;
use crate::fail::{Done, Fail};
use crate::place::{folder, layout};
use crate::terminal::{note, plain};
use crate::up::{Begun, Engine, begin, take_down, tell};
use crate::watch::{Interrupt, Interrupts, Style, Watch, settled};
use api::client::Client;
use api::requests::Nothing;
use api::views::UpView;
use driver::{Foreground, Layout};
use model::view::{ClusterView, Snapshot};
use model::{ClusterId, ServiceName};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// `azora run`.
pub(crate) async fn run(place: &Place, arguments: &Run) -> Done {
    let layout = layout(place)?;
    let found = definition::find(arguments.path.as_deref(), &folder(place)?)?;
    let asked = spec::Choice {
        profiles: arguments.profiles.clone(),
        ..spec::Choice::default()
    };
    let definition = found.checked(&asked)?;
    tell(place, &found, arguments.path.as_deref(), &definition.notes)?;
    let mut interrupts = Interrupts::catch()?;
    let up = Up {
        path: arguments.path.clone(),
        services: Vec::new(),
        categories: Vec::new(),
        profiles: arguments.profiles.clone(),
        detach: false,
        yes: arguments.yes,
        allow_risks: arguments.allow_risks,
        why: arguments.why.clone(),
        json: false,
    };
    let Begun {
        engine,
        client,
        view,
        ran,
    } = begin(&layout, &found, &up, &mut interrupts).await?;
    let beside = Beside {
        layout: &layout,
        client: &client,
        definition: &definition.cluster,
        arguments,
        ran,
    };
    let beside = beside.live(&view, &mut interrupts).await;
    if let Engine::Here(host) = engine {
        host.shutdown("cli", true, "`azora run` has ended").await;
    }
    match beside? {
        0 => Ok(()),
        code => Err(Fail::of_command(code)),
    }
}

/// A command beside a cluster.
struct Beside<'r> {
    layout: &'r Layout,
    client: &'r Client,
    definition: &'r spec::Cluster,
    arguments: &'r Run,
    /// The cluster ran before.
    ran: bool,
}

impl Beside<'_> {
    /// From the cluster that comes up to the one that is down again; answers the command's exit code.
    async fn live(&self, view: &UpView, interrupts: &mut Interrupts) -> Done<u8> {
        let cluster = &view.cluster;
        let mut watch = Watch::open(self.client, Some(cluster.clone())).await?;
        let coming_up = async {
            tokio::select! {
                biased;
                by = interrupts.next() => Err(by),
                settled = settled(self.client, view.act) => Ok(settled),
            }
        };
        let code = match watch.during(Aim::Up, Style::Picture, coming_up).await? {
            // Closing a terminal is no wish to stop what runs.
            Err(Interrupt::HungUp) => return Err(Fail::hung_up()),
            Err(by @ Interrupt::Asked) => Err(by.fail("the command was not run")),
            Ok(settled) => {
                let settled = settled?;
                watch.catch_up().await;
                let counts = watch.board.counts();
                note(&format!("{cluster}: {counts} in {}", watch.took()));
                if settled.failed.is_empty() {
                    self.command(cluster, interrupts).await
                } else {
                    failures(self.client, Some(cluster), &watch, &settled).await;
                    Err(Fail::failed("the command was not run"))
                }
            }
        };
        if self.ran {
            note(&format!("{cluster} ran before, and runs on"));
            return code;
        }
        let why = "`azora run` has ended";
        let down = take_down(self.layout, self.client, &mut watch, interrupts, why).await;
        // What the command said counts more than how the cluster went down, which is said already.
        match code? {
            0 => down.map(|()| 0),
            code => Ok(code),
        }
    }

    /// Runs it in this terminal until it ends.
    async fn command(&self, cluster: &ClusterId, interrupts: &mut Interrupts) -> Done<u8> {
        let env = environment(self.client, cluster, self.definition).await?;
        let words = &self.arguments.command;
        let named = plain(
            &words
                .first()
                .map(|word| word.to_string_lossy())
                .unwrap_or_default(),
        );
        let mut running = Foreground::start(words, &env)
            .map_err(|error| Fail::failed(format!("failed to run {named}: {error}")))?;
        let mut asked = false;
        loop {
            tokio::select! {
                biased;
                code = running.ended() => {
                    return code.map_err(|error| Fail::failed(format!("failed to wait for {named}: {error}")));
                }
                (_, alone) = interrupts.alone() => {
                    // What came from the terminal the command has got itself, and may have use for.
                    match (alone, asked) {
                        (true, true) => running.kill(),
                        (true, false) => running.terminate(),
                        (false, _) => {}
                    }
                    asked |= alone;
                }
            }
        }
    }
}

/// What the command finds: where each service listens, and what the cluster's env files say.
async fn environment(
    client: &Client,
    cluster: &ClusterId,
    definition: &spec::Cluster,
) -> Done<BTreeMap<OsString, OsString>> {
    const HOST: &str = "127.0.0.1";
    let terminal = |name: &str| std::env::var(name).ok();
    let mut env = definition.file_variables(&terminal);
    // What an env file says of a port is meant for the services.
    env.remove("PORT");
    let snapshot: Snapshot = client.call("snapshot", &Nothing {}).await?;
    let of = |one: &&ClusterView| one.id == *cluster;
    let instances = snapshot.clusters.iter().find(of).map(|one| &one.id);
    let instances = instances.and_then(|id| snapshot.instances.get(id));
    let mut seen: Vec<&ServiceName> = Vec::new();
    for status in instances.into_iter().flatten() {
        let Some(port) = status
            .ports
            .last()
            .filter(|_| !seen.contains(&&status.service))
        else {
            continue;
        };
        seen.push(&status.service);
        let name = variable(&status.service);
        env.insert(format!("{name}_HOST"), HOST.to_owned());
        env.insert(format!("{name}_PORT"), port.to_string());
        env.insert(format!("{name}_URL"), format!("http://{HOST}:{port}"));
    }
    env.insert("AZORA_CLUSTER_ID".to_owned(), cluster.to_string());
    let pairs = env.into_iter();
    Ok(pairs
        .map(|(name, value)| (name.into(), value.into()))
        .collect())
}

/// `api-gateway` is `API_GATEWAY`.
fn variable(service: &ServiceName) -> String {
    service.as_str().to_uppercase().replace('-', "_")
}
