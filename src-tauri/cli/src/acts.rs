//! `start`, `stop`, `restart`, `scale`, `down`, `resume`, `forget`: one order, followed until it has come to
//! rest.

use crate::args::{Json, Place, Restart, Scale, Services, Whole, Why};
use crate::board::{Aim, back};
use crate::definition::unusable;
use crate::fail::{Done, Fail};
use crate::outcome::Settled;
use crate::place::{Scene, layout};
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, plain, print};
use crate::text::state_paint;
use crate::watch::{Interrupts, Style, Watch, settled};
use crate::whom::services;
use api::client::Client;
use api::requests::{
    ClusterRequest, HomeRequest, LogsRequest, RestartRequest, ScaleRequest, ServicesRequest,
};
use api::views::WaitView;
use model::view::LogPage;
use model::{Act, ClusterId, InstanceId, Outcome, Reason, ServiceName};
use serde::Serialize;
use spec::limits::MAX_REPLICAS;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Failing instances whose last lines are shown.
const SHOWN_LOGS: usize = 10;
/// Last lines of each.
const LAST_LINES: u32 = 8;
/// How long they may take to come.
const LOG_ANSWER: Duration = Duration::from_secs(5);

/// An order about named services that something will come of.
pub(crate) async fn services_order(
    place: &Place,
    name: &str,
    aim: Aim,
    arguments: &Services,
) -> Done {
    let scene = Scene::find(place).await?;
    let of = services(&arguments.services)?;
    let request = ServicesRequest {
        cluster: scene.cluster.id.clone(),
        services: of.clone(),
        reason: arguments.why.reason.clone(),
    };
    let folder = scene.cluster.folder;
    let cluster = Some(scene.cluster.id);
    let outcome = carry_out(
        &scene.client,
        cluster,
        name,
        &request,
        aim,
        &of,
        arguments.json,
    )
    .await;
    if name == "start" {
        on_what_it_runs(&outcome, &folder, "started");
    }
    outcome
}

/// Says when a broken or missing definition was passed over: the file that is edited is not what runs.
fn on_what_it_runs(outcome: &Done, folder: &str, done: &str) {
    // Refused, or no longer followed: then it is no news what it would have run on.
    if outcome.as_ref().is_err_and(|fail| !fail.message.is_empty()) {
        return;
    }
    if let Some(why) = unusable(Path::new(folder)) {
        note(&format!(
            "the definition as it is now cannot be used ({}): {done} on the one it runs on",
            plain(&why)
        ));
    }
}

/// `restart`.
pub(crate) async fn restart(place: &Place, arguments: &Restart) -> Done {
    let Restart {
        services: named,
        at_once,
    } = arguments;
    let scene = Scene::find(place).await?;
    let of = services(&named.services)?;
    let request = RestartRequest {
        cluster: scene.cluster.id.clone(),
        services: of.clone(),
        at_once: *at_once,
        reason: named.why.reason.clone(),
    };
    let cluster = Some(scene.cluster.id);
    let outcome = carry_out(
        &scene.client,
        cluster,
        "restart",
        &request,
        Aim::Up,
        &of,
        named.json,
    )
    .await;
    on_what_it_runs(&outcome, &scene.cluster.folder, "restarted");
    outcome
}

/// `scale`.
pub(crate) async fn scale(place: &Place, arguments: &Scale) -> Done {
    let wanted = arguments
        .wanted
        .iter()
        .map(|word| scaled(word))
        .collect::<Done<Vec<_>>>()?;
    once_each(&wanted)?;
    let scene = Scene::find(place).await?;
    for (service, replicas) in wanted {
        let of = [service.clone()];
        let request = ScaleRequest {
            cluster: scene.cluster.id.clone(),
            service,
            replicas,
            reason: arguments.why.reason.clone(),
        };
        carry_out(
            &scene.client,
            Some(scene.cluster.id.clone()),
            "scale",
            &request,
            Aim::Rest,
            &of,
            arguments.json,
        )
        .await?;
    }
    Ok(())
}

fn scaled(word: &str) -> Done<(ServiceName, u16)> {
    let unclear = |why: String| Fail::usage(format!("{word:?} is not SERVICE=N: {why}"));
    let (service, number) = word.split_once('=').ok_or_else(|| {
        let service =
            crate::whom::service(word).map_or_else(|_| "api".to_owned(), |it| it.to_string());
        unclear(format!("write `azora scale {service}=4`"))
    })?;
    let service = crate::whom::service(service).map_err(|error| unclear(error.to_string()))?;
    let number = number
        .parse()
        .ok()
        .filter(|number| (1..=MAX_REPLICAS).contains(number))
        .ok_or_else(|| {
            unclear(format!(
                "N is a number from 1 to {MAX_REPLICAS}; `azora stop {service}` stops it"
            ))
        })?;
    Ok((service, number))
}

/// Of two numbers for one service nobody can say which is meant.
fn once_each(wanted: &[(ServiceName, u16)]) -> Done {
    let mut named = BTreeSet::new();
    match wanted.iter().find(|(service, _)| !named.insert(service)) {
        Some((twice, _)) => Err(Fail::usage(format!("{twice} is named twice"))),
        None => Ok(()),
    }
}

/// `forget`: nothing moves by it, so there is nothing to wait for.
pub(crate) async fn forget(place: &Place, why: &Why) -> Done {
    let scene = Scene::find(place).await?;
    let request = ClusterRequest {
        cluster: scene.cluster.id.clone(),
        reason: why.reason.clone(),
    };
    let act: Act = scene.client.call("forget", &request).await?;
    allowed(&act)?;
    let logs = layout(place)?.logs_cluster(&scene.cluster.id);
    print(&format!(
        "{} is forgotten; its logs stay in {}",
        scene.cluster.id,
        logs.display()
    ))?;
    Ok(())
}

/// `resume`.
pub(crate) async fn resume(place: &Place, arguments: &Whole) -> Done {
    if let Some(one) = &place.cluster {
        // Nobody who names one cluster means the others.
        return Err(Fail::usage(format!(
            "resume brings back what the last stop took down, whichever clusters that were: give it without \
             --cluster, or bring {one} up alone by `azora up` in its folder",
            one = plain(one)
        )));
    }
    let client = Client::connect(layout(place)?.home()).await?;
    let request = HomeRequest {
        reason: arguments.why.reason.clone(),
    };
    carry_out(
        &client,
        None,
        "resume",
        &request,
        Aim::Up,
        &[],
        arguments.json,
    )
    .await
}

/// Gives the order and follows it. What came of it is told `of` these services, or of all when it named
/// none.
pub(crate) async fn carry_out(
    client: &Client,
    cluster: Option<ClusterId>,
    name: &str,
    request: &impl Serialize,
    aim: Aim,
    of: &[ServiceName],
    json: Json,
) -> Done {
    let mut interrupts = Interrupts::catch()?;
    let ordered = async {
        // Before the order, so that its first effects are seen.
        let watch = Watch::open(client, cluster.clone()).await?;
        let act: Act = client.call(name, request).await?;
        Done::Ok((watch, act))
    };
    let (mut watch, act) = tokio::select! {
        biased;
        by = interrupts.next() => return Err(by.fail(&format!(
            "no longer waiting; the engine may still do `{name}`, `azora ps` shows it"
        ))),
        ordered = ordered => ordered?,
    };
    allowed(&act)?;
    let wait = async {
        tokio::select! {
            biased;
            by = interrupts.next() => Err(by.fail(&format!(
                "no longer watching; what `{name}` set in motion goes on, `azora ps` shows how far it is"
            ))),
            settled = settled(client, act.id) => settled,
        }
    };
    let view = watch.during(aim, Style::Picture, wait).await??;
    watch.catch_up().await;
    let is_back = |(instance, _): &(InstanceId, Reason)| {
        let status = watch.board.status(instance);
        status.is_none_or(|status| back(status.state))
    };
    // Nothing has failed then: somebody wanted something else.
    if aim == Aim::Down
        && view.failed.iter().all(is_back)
        && let Some((verb, count)) = watch.board.overtaken()
    {
        return Err(Fail::failed(format!(
            "{name} was overtaken by {verb}: {count} of its instances are not stopped ({})",
            watch.board.counts()
        )));
    }
    let whom: Vec<&str> = of.iter().map(|service| service.as_str()).collect();
    let whom = match whom.is_empty() {
        true => String::new(),
        false => format!(" {}", whom.join(" ")),
    };
    let words = format!(
        "{name}{whom}: {} ({})",
        watch.board.counts_of(of),
        watch.took()
    );
    let settled = Settled {
        name,
        cluster: cluster.as_ref(),
        of,
        watch: &watch,
        view: &view,
        urls: Default::default(),
    };
    settled.say(client, json, &words).await
}

/// An act that was refused, or failed at once.
pub(crate) fn allowed(act: &Act) -> Done {
    match &act.outcome {
        Outcome::Refused(why) => Err(Fail::failed(format!("refused: {}", plain(why)))),
        Outcome::Failed(why) => Err(Fail::failed(plain(why))),
        Outcome::Pending | Outcome::Done(_) | Outcome::Overtaken(_) => Ok(()),
    }
}

/// Shows what did not get where it should, why, and what it printed last.
pub(crate) async fn failures(
    client: &Client,
    cluster: Option<&ClusterId>,
    watch: &Watch,
    view: &WaitView,
) {
    let terminal = Terminal::stderr();
    note(&format!(
        "{} did not get where they should:",
        view.failed.len()
    ));
    for line in table(
        &["INSTANCE", "STATE", "REASON"],
        &failure_rows(watch, &view.failed),
        &[],
        terminal.narrower(2),
    ) {
        note(&format!("  {line}"));
    }
    let Some(cluster) = cluster else { return };
    for (instance, _) in view.failed.iter().take(SHOWN_LOGS) {
        let request = LogsRequest {
            cluster: cluster.clone(),
            instance: instance.clone(),
            before: None,
            after: None,
            limit: Some(LAST_LINES),
            since: None,
            until: None,
            grep: None,
            text: None,
            level: None,
            reveal: None,
        };
        // The table has said what matters; a log that cannot be read adds nothing.
        let asked = client.call::<LogPage>("logs", &request);
        let Ok(Ok(page)) = tokio::time::timeout(LOG_ANSWER, asked).await else {
            continue;
        };
        if page.lines.is_empty() {
            continue;
        }
        note(&format!(
            "\n{}",
            terminal.paint(Paint::Strong, &format!("last lines of {instance}:"))
        ));
        for line in &page.lines {
            note(&format!(
                "  {}",
                crate::terminal::printed(&line.text, terminal.colour)
            ));
        }
    }
}

fn failure_rows(watch: &Watch, failed: &[(InstanceId, Reason)]) -> Vec<Vec<Cell>> {
    failed
        .iter()
        .map(|(instance, reason)| {
            let state = match watch.board.status(instance) {
                Some(status) => (status.state.to_string(), state_paint(status.state)),
                None => cell("-"),
            };
            vec![
                cell(instance.to_string()),
                state,
                cell(plain(&reason.to_string())),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_reads_a_service_and_a_number() {
        let (service, number) = scaled("api=3").unwrap();
        assert_eq!((service.as_str(), number), ("api", 3));
        for (word, why) in [
            ("api", "write `azora scale api=4`"),
            ("api=x", "a number"),
            ("api=-1", "a number"),
            ("ä=1", "lower-case"),
            ("api=0", "from 1 to 100"),
            ("api=101", "from 1 to 100"),
            ("api=70000", "from 1 to 100"),
        ] {
            let message = scaled(word).unwrap_err().message;
            assert!(message.contains(why), "{word}: {message}");
        }
        let of = |words: &[&str]| {
            words
                .iter()
                .map(|word| scaled(word))
                .collect::<Done<Vec<_>>>()
        };
        assert!(once_each(&of(&["api=1", "web=1"]).unwrap()).is_ok());
        let twice = once_each(&of(&["api=1", "web=1", "api=2"]).unwrap()).unwrap_err();
        assert_eq!(twice.message, "api is named twice");
    }
}
