//! `azora up`.

use crate::acts::failures;
use crate::args::{Place, Up};
use crate::board::Aim;
use crate::definition;
use crate::emergency;
use crate::engine_here::{behind, inside, running};
use crate::fail::{Done, Fail};
use crate::place::{folder, layout};
use crate::terminal::{self, Paint, Terminal, note, plain, print};
use crate::text::length;
use crate::watch::{Interrupts, Style, Watch, settled};
use api::client::Client;
use api::host::Host;
use api::requests::{ClusterRequest, LookRequest, Nothing, ShutdownRequest, UpRequest};
use api::views::{UpView, WaitView};
use driver::Layout;
use model::view::FolderView;
use model::{Act, ClusterId};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

/// Commands shown before the first run; more are counted.
const SHOWN_COMMANDS: usize = 60;

/// Whose engine the cluster runs in.
enum Engine {
    /// One that ran before, or runs in the background now.
    Other {
        /// This command started it.
        ours: bool,
    },
    /// This process. It ends with this command.
    Here(Box<Host>),
}

/// `azora up`.
pub(crate) async fn up(place: &Place, arguments: &Up) -> Done {
    let layout = layout(place)?;
    let found = definition::find(arguments.path.as_deref(), &folder(place)?)?;
    found.checked()?;
    // From here on Ctrl-C is ours: nothing is left half-done by it.
    let mut interrupts = Interrupts::catch()?;
    let (engine, client) = match running(&layout).await? {
        Some(client) => (Engine::Other { ours: false }, client),
        None if arguments.detach => (Engine::Other { ours: true }, behind(&layout).await?),
        None => {
            let (host, client) = inside(&layout).await?;
            (Engine::Here(Box::new(host)), client)
        }
    };
    if !consent(&client, &found.folder, arguments, &mut interrupts).await? {
        match engine {
            Engine::Here(host) => host.shutdown(true).await,
            Engine::Other { ours: true } => {
                client
                    .call::<Nothing>(
                        "shutdown",
                        &ShutdownRequest {
                            leave_running: true,
                        },
                    )
                    .await?;
            }
            Engine::Other { ours: false } => {}
        }
        return Err(Fail::failed("nothing was run"));
    }
    let request = UpRequest {
        folder: found.folder.to_string_lossy().into_owned(),
        trust: true,
        env: Some(environment()),
        reason: arguments.why.reason.clone(),
    };
    match engine {
        Engine::Other { .. } => in_other(&client, &request, &mut interrupts).await,
        Engine::Here(host) => {
            let ended = in_this(&layout, &client, &host, &request, &mut interrupts).await;
            host.shutdown(true).await;
            ended
        }
    }
}

/// The environment services get. What is not text cannot be sent, and hardly ever is there.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Whether this folder may be run. Asked once per folder, and only where somebody can answer:
/// elsewhere, typing the command is the answer.
async fn consent(
    client: &Client,
    folder: &Path,
    arguments: &Up,
    interrupts: &mut Interrupts,
) -> Done<bool> {
    let trusted = std::env::var_os("AZORA_TRUST").is_some_and(|value| value == "1");
    let askable = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if arguments.yes || trusted || !askable {
        return Ok(true);
    }
    let request = LookRequest {
        folder: folder.to_string_lossy().into_owned(),
    };
    let view: FolderView = client.call("look", &request).await?;
    if view.known {
        return Ok(true);
    }
    let terminal = Terminal::stderr();
    let heading = format!(
        "{} was never run here. As you, it executes:",
        folder.display()
    );
    note(&terminal.paint(Paint::Strong, &heading));
    for line in view.commands.iter().take(SHOWN_COMMANDS) {
        note(&format!("  {}", plain(line)));
    }
    if let Some(more) = view
        .commands
        .len()
        .checked_sub(SHOWN_COMMANDS)
        .filter(|more| *more > 0)
    {
        note(&format!(
            "  … and {more} more; `azora check` and the file itself show all"
        ));
    }
    tokio::select! {
        () = interrupts.next() => Err(Fail::interrupted("")),
        answer = terminal::ask("Run it?") => Ok(answer == Some(true)),
    }
}

/// Asks for it and says what will change.
async fn ask(client: &Client, request: &UpRequest) -> Done<UpView> {
    let view: UpView = client.call("up", request).await?;
    for change in &view.changes {
        note(&format!("  {}", plain(change)));
    }
    Ok(view)
}

/// Brings it up in an engine that stays when this command ends.
async fn in_other(client: &Client, request: &UpRequest, interrupts: &mut Interrupts) -> Done {
    let view = ask(client, request).await?;
    let mut watch = Watch::open(client, Some(view.cluster.clone())).await?;
    let wait = async {
        tokio::select! {
            biased;
            () = interrupts.next() => Err(Fail::interrupted(
                "no longer watching; the cluster goes on coming up: `azora ps` shows it, `azora down` takes it down",
            )),
            settled = settled(client, view.act) => settled,
        }
    };
    let settled = watch.during(Aim::Up, Style::Picture, wait).await??;
    conclude(client, &view.cluster, &watch, &settled).await
}

/// Says how it went.
async fn conclude(client: &Client, cluster: &ClusterId, watch: &Watch, settled: &WaitView) -> Done {
    let words = format!(
        "{cluster}: {} in {}",
        watch.board.counts(),
        length(watch.elapsed())
    );
    if settled.failed.is_empty() {
        print(&words)?;
        return Ok(());
    }
    note(&words);
    failures(client, Some(cluster), watch, settled).await;
    Err(Fail::said())
}

/// Brings it up in this process and stays until it is told to end.
async fn in_this(
    layout: &Layout,
    client: &Client,
    host: &Host,
    request: &UpRequest,
    interrupts: &mut Interrupts,
) -> Done {
    let view = ask(client, request).await?;
    let cluster = view.cluster;
    let mut watch = Watch::open(client, Some(cluster.clone())).await?;
    if Terminal::stderr().live {
        note(&format!("the UI is at {}", host.browser_url()));
    }
    let coming_up = async {
        tokio::select! {
            biased;
            () = interrupts.next() => None,
            settled = settled(client, view.act) => Some(settled),
        }
    };
    if let Some(settled) = watch.during(Aim::Up, Style::Picture, coming_up).await? {
        // What failed is on the screen now; the rest stays up, and healing goes on trying.
        let failed = match conclude(client, &cluster, &watch, &settled?).await {
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
                () = interrupts.next() => true,
                () = host.closed() => false,
            }
        };
        if !watch.during(Aim::Rest, Style::Lines, until_ended).await? {
            return Err(Fail::failed(
                "another engine took this home over; the services run on",
            ));
        }
    }
    take_down(layout, client, &cluster, &mut watch, interrupts).await
}

/// Ctrl-C was pressed: down in order, or at once when it is pressed again.
async fn take_down(
    layout: &Layout,
    client: &Client,
    cluster: &ClusterId,
    watch: &mut Watch,
    interrupts: &mut Interrupts,
) -> Done {
    note(&format!(
        "taking {cluster} down; Ctrl-C again ends everything at once"
    ));
    watch.restart_clock();
    let down = async {
        let request = ClusterRequest {
            cluster: cluster.clone(),
            reason: Some("Ctrl-C".to_owned()),
        };
        let act: Act = client.call("down", &request).await?;
        crate::acts::allowed(&act)?;
        settled(client, act.id).await
    };
    let down = async {
        tokio::select! {
            biased;
            () = interrupts.next() => None,
            settled = down => Some(settled),
        }
    };
    match watch.during(Aim::Down, Style::Picture, down).await? {
        Some(settled) => {
            let settled = settled?;
            note(&format!(
                "{cluster}: {} in {}",
                watch.board.counts(),
                length(watch.elapsed())
            ));
            if !settled.failed.is_empty() {
                failures(client, Some(cluster), watch, &settled).await;
                return Err(Fail::said());
            }
            Err(Fail::interrupted(""))
        }
        None => {
            let ended = emergency::stop(layout, Some(client), "Ctrl-C was pressed twice").await;
            emergency::tell(&ended, false)?;
            Err(Fail::interrupted(""))
        }
    }
}
