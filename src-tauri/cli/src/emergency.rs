//! `azora emergency-stop`. Through the engine when it answers at once, so that its picture is true
//! in the same moment; past it when it does not. Either way the machine itself is asked afterwards.

use crate::args::{Emergency, Place};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::terminal::{Paint, Terminal, note, plain, print};
use crate::text::length;
use api::client::Client;
use api::requests::{HomeRequest, Nothing};
use api::views::StatusView;
use driver::Layout;
use driver::survivors::{self, Survivor};
use model::view::StopReport;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// An engine that does not answer a plain question in this time is passed by.
const ANSWER: Duration = Duration::from_millis(300);
/// An engine that began to stop everything and does not come to its end is passed by after this.
const FINISH: Duration = Duration::from_secs(10);
/// How long container daemons may take. One that hangs is said to.
const CONTAINERS: Duration = Duration::from_secs(10);

/// What an emergency stop did.
pub(crate) struct Ended {
    ended: u32,
    left: Vec<Survivor>,
    /// Why it is not known who else is left.
    unseen: Option<String>,
    took: Duration,
    looked_by: Vec<String>,
    /// What is left in container daemons, or may be, in words.
    contained: Vec<String>,
    report: Option<PathBuf>,
    /// The engine did it; otherwise this process did.
    by_engine: bool,
}

/// `azora emergency-stop`. Not async: it has to work where a runtime cannot even be made.
pub(crate) fn emergency_stop(place: &Place, arguments: &Emergency) -> Done {
    let layout = layout(place)?;
    if let Some(one) = &place.cluster {
        // Nobody who names one cluster means them all.
        return Err(Fail::usage(format!(
            "emergency-stop ends every cluster of the home, not {one} alone: give it without --cluster, or `azora down --cluster {one}`",
            one = plain(one)
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let connect = Client::connect(layout.home());
            let client = tokio::time::timeout(ANSWER, connect)
                .await
                .ok()
                .and_then(Result::ok);
            stop(&layout, client.as_ref(), &arguments.reason).await
        })?,
        Err(error) if api::client::asks_as_agent() => {
            return Err(Fail::failed(format!("failed to start: {error}")));
        }
        // No daemon can be asked then.
        Err(_) => verified(&layout, direct(&layout, &arguments.reason)),
    };
    tell(&ended, arguments.json.json)?;
    match ended.nothing_left() {
        true => Ok(()),
        false => Err(Fail::said()),
    }
}

/// An agent's: the engine asks the rules, and there is no way past it. Where it does not answer, or cannot ask them, it
/// is refused.
async fn by_the_rules(layout: &Layout, reason: &str) -> Done<Ended> {
    let begun = Instant::now();
    let refused = |why: String| {
        Fail::failed(format!(
            "refused: an agent's emergency stop is done by the engine, by the rules, and {why}; a person's is done \
             without either"
        ))
    };
    let asked = async {
        let client = Client::connect(layout.home()).await?;
        let request = HomeRequest {
            reason: Some(reason.to_owned()),
        };
        let stop = client.call::<StopReport>("emergency_stop", &request);
        stop.await
    };
    let report = match tokio::time::timeout(FINISH, asked).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) if error.nobody() => return Err(refused("there is none".to_owned())),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => {
            let seconds = FINISH.as_secs();
            return Err(refused(format!("that has not answered for {seconds} s")));
        }
    };
    let ended = Ended::of(report);
    Ok(verified(
        layout,
        Ended {
            took: begun.elapsed(),
            ..ended
        },
    ))
}

impl Ended {
    /// As the engine tells it. Of those that are left only what has no process is taken from it: the others are looked
    /// for.
    fn of(report: StopReport) -> Self {
        let contained = report.left.into_iter().filter(|(pid, _)| *pid == 0);
        Self {
            ended: report.ended,
            left: Vec::new(),
            unseen: None,
            took: Duration::ZERO,
            looked_by: report.looked_by,
            contained: contained.map(|(_, text)| text).collect(),
            report: report.report.map(PathBuf::from),
            by_engine: true,
        }
    }

    fn nothing_left(&self) -> bool {
        self.left.is_empty() && self.contained.is_empty() && self.unseen.is_none()
    }
}

/// Ends everything of a home. A person's is never refused.
///
/// # Errors
/// Why an agent's is not done.
pub(crate) async fn stop(layout: &Layout, client: Option<&Client>, reason: &str) -> Done<Ended> {
    if api::client::asks_as_agent() {
        return by_the_rules(layout, reason).await;
    }
    let begun = Instant::now();
    let asked = match client {
        Some(client) => by_engine(client, reason).await,
        None => None,
    };
    let mut ended = match asked {
        Some(report) => Ended::of(report),
        None => direct(layout, reason),
    };
    if ended.by_engine && !survivors::find(layout, None).is_ok_and(|left| left.is_empty()) {
        // The engine said it was done and is not: what is left is ended past it.
        let rest = direct(layout, reason);
        ended = Ended {
            ended: ended.ended + rest.ended,
            ..rest
        };
    }
    // Again, and whoever has ended them: what counts is what the daemons say now.
    let around = driver_docker::Surroundings::of_this_process();
    let contained = driver_docker::emergency::stop(layout, &around, CONTAINERS).await;
    ended.ended += u32::try_from(contained.ended.len()).unwrap_or(u32::MAX);
    ended.contained = contained.not_ended();
    ended.took = begun.elapsed();
    Ok(verified(layout, ended))
}

/// Asks the engine, if it is well enough to answer a plain question first.
async fn by_engine(client: &Client, reason: &str) -> Option<StopReport> {
    let well = client.call::<StatusView>("status", &Nothing {});
    tokio::time::timeout(ANSWER, well).await.ok()?.ok()?;
    let request = HomeRequest {
        reason: Some(reason.to_owned()),
    };
    let stop = client.call::<StopReport>("emergency_stop", &request);
    tokio::time::timeout(FINISH, stop).await.ok()?.ok()
}

/// Needs nothing but the records beside the processes.
fn direct(layout: &Layout, reason: &str) -> Ended {
    let who = std::env::var("USER").map_or_else(
        |_| "cli".to_owned(),
        |user| format!("cli ({})", plain(&user)),
    );
    let report = driver::emergency::stop(layout, reason, &who);
    Ended {
        ended: report.ended,
        left: report.left,
        unseen: report.unseen,
        took: report.took,
        looked_by: report.looked_by.iter().map(|by| (*by).to_owned()).collect(),
        contained: Vec::new(),
        report: report.path,
        by_engine: false,
    }
}

/// Whatever was reported, what counts is what is found now.
fn verified(layout: &Layout, ended: Ended) -> Ended {
    let (left, unseen) = match survivors::find(layout, None) {
        Ok(left) => (left, None),
        Err(error) => (ended.left, Some(error.to_string())),
    };
    Ended {
        left,
        unseen,
        ..ended
    }
}

/// Says what was done.
pub(crate) fn tell(ended: &Ended, as_json: bool) -> Done {
    if as_json {
        print(&value(ended).to_string())?;
        return Ok(());
    }
    let terminal = Terminal::stdout();
    let left = match ended.left.len() + ended.contained.len() {
        0 if ended.unseen.is_some() => terminal.paint(Paint::Bad, "unknown how many left"),
        0 => terminal.paint(Paint::Good, "0 left"),
        some => terminal.paint(Paint::Bad, &format!("{some} left")),
    };
    print(&format!(
        "ended {} processes, {left}, in {}",
        ended.ended,
        length(ended.took)
    ))?;
    print(&format!("looked by {}", ended.looked_by.join(", ")))?;
    if let Some(report) = &ended.report {
        print(&format!("report    {}", report.display()))?;
    }
    for survivor in &ended.left {
        note(&format!(
            "left: pid {} {} (found by {}), {}",
            survivor.pid,
            plain(&survivor.command),
            survivor.means.as_str(),
            survivor.why
        ));
    }
    for text in &ended.contained {
        note(&format!("left: {}", plain(text)));
    }
    if let Some(why) = &ended.unseen {
        note(&format!("failed to look for who is left: {}", plain(why)));
    }
    if ended.ended > 0 && ended.nothing_left() {
        print("`azora resume` brings everything back")?;
    }
    Ok(())
}

fn value(ended: &Ended) -> serde_json::Value {
    let left: Vec<serde_json::Value> = ended
        .left
        .iter()
        .map(|left| json!({"pid": left.pid, "command": left.command, "found_by": left.means.as_str(), "why": left.why}))
        .collect();
    json!({
        "ended": ended.ended,
        "left": left,
        "containers_left": ended.contained,
        "unseen": ended.unseen,
        "took_ms": u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
        "looked_by": ended.looked_by,
        "by": if ended.by_engine { "engine" } else { "direct" },
        "report": ended.report,
    })
}
