//! `azora up`.

use crate::acts::failures;
use crate::args::{Json, Place, Up};
use crate::board::Aim;
use crate::consent::{asks, consent, terminal as asked};
use crate::definition::{self, Found};
use crate::emergency;
use crate::engine_here::{behind, ended, inside, running};
use crate::fail::{Done, Fail};
use crate::outcome::conclude;
use crate::patience::{Waits, patient};
use crate::place::{folder, layout};
use crate::terminal::{Terminal, note, note_as_it_is, plain};
use crate::text::length;
use crate::watch::{Interrupt, Interrupts, Style, Watch, settled};
use api::client::{self, Client};
use api::host::Host;
use api::requests::{DownRequest, LookRequest, Nothing, ShutdownRequest, UpRequest};
use api::views::UpView;
use driver::Layout;
use engine::definition::put_together;
use model::view::{ClusterView, FolderView, Snapshot};
use model::{Act, ClusterId};
use std::collections::BTreeMap;
use std::path::Path;

/// Whose engine the cluster runs in.
pub(crate) enum Engine {
    /// One that ran before, or runs in the background now.
    Other {
        /// This command started it.
        ours: bool,
    },
    /// This process. It ends with this command.
    Here(Box<Host>),
}

/// What is to be brought up.
struct Chosen<'c> {
    folder: &'c str,
    /// The file in it, when it was named.
    file: Option<String>,
}

/// A cluster that is on its way up.
pub(crate) struct Begun {
    pub(crate) engine: Engine,
    pub(crate) client: Client,
    pub(crate) view: UpView,
    /// Something of it ran already.
    pub(crate) ran: bool,
}

/// `azora up`.
pub(crate) async fn up(place: &Place, arguments: &Up) -> Done {
    let layout = layout(place)?;
    let here = folder(place)?;
    let path = arguments.path.as_deref();
    let found = definition::find(path, &here).map_err(|fail| not_a_path(fail, path, &here))?;
    let definition = found.checked(&arguments.choice())?;
    tell(place, &found, arguments.path.as_deref(), &definition.notes)?;
    // From here on Ctrl-C is ours: nothing is left half-done by it.
    let mut interrupts = Interrupts::catch()?;
    let begun = begin(&layout, &found, arguments, &mut interrupts).await?;
    let Begun {
        engine,
        client,
        view,
        ..
    } = begun;
    match engine {
        Engine::Other { .. } => {
            let followed = in_other(&client, view, &mut interrupts, arguments.json());
            patient(&layout, Waits::On, followed).await
        }
        Engine::Here(host) => {
            let ended = in_this(&layout, &client, &host, view, &mut interrupts).await;
            host.shutdown("cli", true, "`azora up` has ended").await;
            ended
        }
    }
}

/// Who names a service where a path is wanted is told how that is said.
fn not_a_path(mut fail: Fail, path: Option<&Path>, here: &Path) -> Fail {
    let word = path.filter(|path| !here.join(path).exists());
    let service = word.and_then(|word| crate::whom::service(word.to_str()?).ok());
    if let Some(service) = service
        && let Ok(found) = definition::find(None, here)
        && let Ok(Ok(there)) = found.read(&spec::Choice::default())
        && let Some(service) = spec::nearest(
            service.as_str(),
            there.cluster.services.keys().map(|name| name.as_str()),
        )
    {
        fail.message.push_str(&format!(
            "; {service} is a service of {}, and `azora up --service {service}` brings it up with what it needs",
            plain(&found.label())
        ));
    }
    fail
}

/// Gives the order to bring a folder up, in an engine that is there or one that is started for it.
pub(crate) async fn begin(
    layout: &Layout,
    found: &Found,
    arguments: &Up,
    interrupts: &mut Interrupts,
) -> Done<Begun> {
    let text = found.folder.to_str().ok_or_else(|| {
        // The engine cannot be asked about it: its words are text.
        Fail::failed(engine::Error::NotText(found.folder.clone()).to_string())
    })?;
    let chosen = Chosen {
        folder: text,
        file: found.named.then(|| found.file.name.clone()),
    };
    loop {
        let (engine, client) = engine(layout, arguments.detach, interrupts).await?;
        match ordered(layout, &engine, &client, &chosen, arguments, interrupts).await {
            Ok((view, ran)) => {
                return Ok(Begun {
                    engine,
                    client,
                    view,
                    ran,
                });
            }
            Err(Refusal::Gone(pid)) if matches!(engine, Engine::Other { ours: false }) => {
                note(&format!(
                    "the engine of this home (pid {pid}) is going down; waiting for its end"
                ));
                tokio::select! {
                    by = interrupts.next() => return Err(by.fail("nothing was run")),
                    ended = ended(layout, pid) => ended?,
                }
            }
            Err(Refusal::Left(fail)) => return Err(fail),
            Err(refusal) => {
                leave(engine, &client).await?;
                return Err(match refusal {
                    Refusal::Gone(_) => Fail::absent("the engine has ended"),
                    Refusal::Said(fail) | Refusal::Left(fail) => fail,
                });
            }
        }
    }
}

/// The engine that is there, or one that is started for this.
async fn engine(
    layout: &Layout,
    detach: bool,
    interrupts: &mut Interrupts,
) -> Done<(Engine, Client)> {
    let found = tokio::select! {
        biased;
        by = interrupts.next() => return Err(by.fail("nothing was run")),
        found = running(layout) => found?,
    };
    Ok(match found {
        Some(client) => (Engine::Other { ours: false }, client),
        None if detach => (Engine::Other { ours: true }, behind(layout).await?),
        None => {
            let (host, client) = inside(layout).await?;
            (Engine::Here(Box::new(host)), client)
        }
    })
}

/// Nothing is to be run: an engine that was started for it ends again.
async fn leave(engine: Engine, client: &Client) -> Done {
    let (leave_running, reason) = (true, "it was started for what was not run");
    match engine {
        Engine::Here(host) => host.shutdown("cli", leave_running, reason).await,
        Engine::Other { ours: true } => {
            let request = ShutdownRequest {
                leave_running,
                reason: Some(reason.to_owned()),
            };
            client.call::<Nothing>("shutdown", &request).await?;
        }
        Engine::Other { ours: false } => {}
    }
    Ok(())
}

/// Why an engine does not bring the folder up.
enum Refusal {
    /// It is on its way out; its process. The next one can be asked.
    Gone(u32),
    /// It said why, or somebody did.
    Said(Fail),
    /// Nobody waits for its answer any more, which may be that it does.
    Left(Fail),
}

impl From<Fail> for Refusal {
    fn from(fail: Fail) -> Self {
        Self::Said(fail)
    }
}

/// Gives the order to the engine that is there. One of another process may hang: then it is said, and
/// Ctrl-C ends the waiting.
async fn ordered(
    layout: &Layout,
    engine: &Engine,
    client: &Client,
    chosen: &Chosen<'_>,
    arguments: &Up,
    interrupts: &mut Interrupts,
) -> Result<(UpView, bool), Refusal> {
    match engine {
        Engine::Here(_) => order(client, chosen, arguments, false, interrupts).await,
        Engine::Other { .. } => {
            let order = order(client, chosen, arguments, true, interrupts);
            patient(layout, Waits::On, order).await
        }
    }
}

/// Asks whether the folder may be run, then for it to be brought up, and says what will change.
/// That an engine of an `other` process answers is waited for until Ctrl-C; our own is taken down with
/// what it has begun.
async fn order(
    client: &Client,
    chosen: &Chosen<'_>,
    arguments: &Up,
    other: bool,
    interrupts: &mut Interrupts,
) -> Result<(UpView, bool), Refusal> {
    let refusal = |error: client::Error| match error {
        // It hung up: the end of a process shows in no other way.
        client::Error::Broken(_) => Refusal::Gone(client.pid()),
        error if error.nobody() => Refusal::Gone(client.pid()),
        error => Refusal::Said(error.into()),
    };
    let (folder, file) = (chosen.folder, chosen.file.clone());
    let mut risks = Vec::new();
    if (asked() || arguments.allow_risks) && !client::asks_as_agent() {
        let request = LookRequest {
            folder: folder.to_owned(),
            file: file.clone(),
            env: Some(environment()),
        };
        let view: FolderView = tokio::select! {
            biased;
            by = interrupts.next(), if other => {
                return Err(Refusal::Left(by.fail("nothing was run")));
            }
            view = client.call("look", &request) => view.map_err(refusal)?,
        };
        // What could not be shown is not allowed, whatever the file becomes until it is run.
        if let Some(problem) = view.problem {
            return Err(Fail::definition(problem).into());
        }
        let unknown = !view.known && asks(arguments) && asked();
        let risky = !view.risks.is_empty() && !arguments.allow_risks;
        if (unknown || risky) && !consent(folder, &view, unknown, interrupts).await? {
            return Err(Fail::failed("nothing was run").into());
        }
        if !risky {
            for risk in &view.risks {
                note(&format!("allowed: {}", plain(risk)));
            }
        }
        // These, and nothing that the file may ask for until it is run.
        risks = view.risks;
    }
    let ran = async {
        let snapshot: Snapshot = client.call("snapshot", &Nothing {}).await?;
        let of = |one: &&ClusterView| one.folder == folder;
        let here: Vec<&ClusterId> = snapshot
            .clusters
            .iter()
            .filter(of)
            .map(|one| &one.id)
            .collect();
        let instances = here.into_iter().filter_map(|id| snapshot.instances.get(id));
        Ok(instances.flatten().any(|status| status.pid.is_some()))
    };
    let ran: Result<bool, client::Error> = tokio::select! {
        biased;
        by = interrupts.next(), if other => {
            return Err(Refusal::Left(by.fail("nothing was run")));
        }
        ran = ran => ran,
    };
    let ran = ran.map_err(refusal)?;
    let choice = arguments.choice();
    let request = UpRequest {
        folder: folder.to_owned(),
        file,
        trust: true,
        risks,
        env: Some(environment()),
        services: choice.services,
        categories: choice.categories,
        profiles: choice.profiles,
        reason: arguments.why.reason.clone(),
    };
    let view: UpView = tokio::select! {
        biased;
        by = interrupts.next(), if other => return Err(Refusal::Left(by.fail(
            "no longer waiting; the engine may still bring it up: `azora ps` shows it, `azora down` takes it down",
        ))),
        view = client.call("up", &request) => view.map_err(refusal)?,
    };
    for change in &view.changes {
        note(&format!("  {}", plain(change)));
    }
    Ok((view, ran))
}

/// Which of the files that say what to run is used, where that is not plain, and what was made of it.
pub(crate) fn tell(place: &Place, found: &Found, path: Option<&Path>, notes: &[String]) -> Done {
    let here = folder(place)?.canonicalize();
    let above = path.is_none() && here.is_ok_and(|here| here != found.folder);
    let others = engine::definition::files(&found.folder);
    let others: Vec<String> = others
        .into_iter()
        .filter(|other| *other != found.file)
        .map(|other| other.name)
        .collect();
    if found.file.format != formats::Format::Azora || above || (!found.named && !others.is_empty())
    {
        let also = match &others[..] {
            [] => String::new(),
            [first, ..] => format!(
                "; also here: {}, used by `azora up {first}`",
                others.join(", ")
            ),
        };
        let together = put_together(&found.folder, &found.file);
        let together = together.map_or_else(String::new, |command| {
            format!("; `{command}` puts them into one")
        });
        note(&format!(
            "azora: runs {}{also}{together}",
            plain(&found.label())
        ));
    }
    for text in notes {
        note(&format!("note: {}", plain(text)));
    }
    Ok(())
}

/// The environment services get. What is not text cannot be sent, and hardly ever is there.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Brings it up in an engine that stays when this command ends.
async fn in_other(client: &Client, view: UpView, interrupts: &mut Interrupts, json: Json) -> Done {
    let left = |by: Interrupt| {
        by.fail("no longer watching; the cluster goes on coming up: `azora ps` shows it, `azora down` takes it down")
    };
    let mut watch = tokio::select! {
        biased;
        by = interrupts.next() => return Err(left(by)),
        watch = Watch::open(client, Some(view.cluster.clone())) => watch?,
    };
    let wait = async {
        tokio::select! {
            biased;
            by = interrupts.next() => Err(left(by)),
            settled = settled(client, view.act) => settled,
        }
    };
    let settled = watch.during(Aim::Up, Style::Picture, wait).await??;
    watch.catch_up().await;
    conclude(client, &view.cluster, &watch, &settled, json).await
}

/// Brings it up in this process and stays until it is told to end.
async fn in_this(
    layout: &Layout,
    client: &Client,
    host: &Host,
    view: UpView,
    interrupts: &mut Interrupts,
) -> Done {
    let cluster = view.cluster;
    let mut watch = Watch::open(client, Some(cluster.clone())).await?;
    if Terminal::stderr().live {
        note_as_it_is(&format!("the UI is at {}", host.browser_url()));
    }
    let coming_up = async {
        tokio::select! {
            biased;
            by = interrupts.next() => Err(by),
            settled = settled(client, view.act) => Ok(settled),
        }
    };
    let by = match watch.during(Aim::Up, Style::Picture, coming_up).await? {
        Err(by) => by,
        Ok(settled) => {
            watch.catch_up().await;
            // What failed is on the screen now; the rest stays up, and healing goes on trying.
            let failed = match conclude(client, &cluster, &watch, &settled?, Json::default()).await
            {
                Err(fail) if !fail.message.is_empty() => return Err(fail),
                outcome => outcome.is_err(),
            };
            if failed {
                note("the rest is up");
            }
            note("Ctrl-C takes it down");
            let until_ended = async {
                tokio::select! {
                    biased;
                    by = interrupts.next() => Some(by),
                    () = host.closed() => None,
                }
            };
            let by = watch.during(Aim::Rest, Style::Lines, until_ended).await?;
            by.ok_or_else(|| {
                Fail::failed("another engine took this home over; the services run on")
            })?
        }
    };
    match by {
        Interrupt::Asked => {
            note(&format!(
                "taking {cluster} down; Ctrl-C again ends everything at once"
            ));
            take_down(layout, client, &mut watch, interrupts, "Ctrl-C").await?;
            Err(Fail::interrupted(""))
        }
        // Closing a terminal is no wish to stop what runs: only the engine goes, in order.
        Interrupt::HungUp => Err(Fail::hung_up()),
    }
}

/// Down in order, or at once when Ctrl-C is pressed meanwhile.
pub(crate) async fn take_down(
    layout: &Layout,
    client: &Client,
    watch: &mut Watch,
    interrupts: &mut Interrupts,
    reason: &str,
) -> Done {
    let Some(cluster) = watch.board.cluster().cloned() else {
        return Ok(());
    };
    watch.restart_clock();
    let down = async {
        let request = DownRequest {
            cluster: cluster.clone(),
            volumes: None,
            reason: Some(reason.to_owned()),
        };
        let act: Act = client.call("down", &request).await?;
        crate::acts::allowed(&act)?;
        settled(client, act.id).await
    };
    let down = async {
        tokio::select! {
            biased;
            // It is on its way down: a terminal that closes now does not stop that.
            () = interrupts.asked() => None,
            settled = down => Some(settled),
        }
    };
    match watch.during(Aim::Down, Style::Picture, down).await? {
        Some(settled) => {
            let settled = settled?;
            watch.catch_up().await;
            note(&format!(
                "{}: {} in {}",
                engine::called(&cluster),
                watch.board.counts(),
                length(watch.elapsed())
            ));
            if !settled.failed.is_empty() {
                failures(client, Some(&cluster), watch, &settled).await;
                return Err(Fail::said());
            }
            Ok(())
        }
        None => {
            let ended = emergency::stop(
                layout,
                Some(client),
                "Ctrl-C was pressed while it went down",
            )
            .await?;
            emergency::tell(&ended, false)?;
            Err(Fail::interrupted(""))
        }
    }
}
