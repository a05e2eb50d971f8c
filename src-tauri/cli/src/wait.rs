//! `azora wait`: until services are where a script needs them.

use crate::args::{Place, Wait, WaitFor};
use crate::fail::{Done, Fail};
use crate::place::Scene;
use crate::reads::instance_json;
use crate::terminal::{plain, print};
use crate::text::{length, span};
use crate::watch::{Interrupts, Watch};
use crate::whom::services;
use model::{InstanceStatus, State};
use std::time::Duration;

/// Unless another one is given.
const USUAL: Duration = Duration::from_secs(60);
/// Instances that are named when it took too long.
const NAMED: usize = 5;

/// Whether what is waited for is there.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    There,
    /// Not yet; what is missing.
    Missing(Vec<String>),
    /// It does not come by itself any more; why.
    Never(String),
}

/// `azora wait`.
pub(crate) async fn wait(place: &Place, arguments: &Wait) -> Done {
    let named = services(&arguments.services)?;
    let limit = match &arguments.timeout {
        Some(text) => span(text)?,
        None => USUAL,
    };
    let mut interrupts = Interrupts::catch()?;
    let scene = Scene::find(place).await?;
    let mut watch = Watch::open(&scene.client, Some(scene.cluster.id.clone())).await?;
    for service in &named {
        if watch.board.of(std::slice::from_ref(service)).is_empty() {
            let all = watch.board.of(&[]);
            let known = all.iter().map(|one| one.service.as_str());
            return Err(crate::whom::no_service(&scene.cluster.id, service, known));
        }
    }
    let goal = arguments.goal();
    let mut end = std::pin::pin!(tokio::time::sleep(limit));
    loop {
        let missing = match verdict(&watch.board.of(&named), goal) {
            Verdict::There => break,
            Verdict::Never(why) => return Err(Fail::failed(why)),
            Verdict::Missing(missing) => missing,
        };
        let moved = watch.moved();
        tokio::select! {
            biased;
            by = interrupts.next() => return Err(by.fail("no longer waiting")),
            () = &mut end => return Err(late(limit, goal, &missing)),
            moved = moved => moved?,
        }
    }
    if arguments.json.json {
        let instances = watch.board.of(&named);
        let instances: Vec<serde_json::Value> = instances.into_iter().map(instance_json).collect();
        let said = serde_json::json!({
            "cluster": scene.cluster.id,
            "seconds": watch.elapsed().as_secs_f64(),
            "instances": instances,
        });
        return Ok(print(&said.to_string())?);
    }
    print(&format!(
        "{} after {}",
        watch.board.counts_of(&named),
        length(watch.elapsed())
    ))?;
    Ok(())
}

fn late(limit: Duration, goal: WaitFor, missing: &[String]) -> Fail {
    let shown: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("\n  … and {more} more"),
    };
    Fail::failed(format!(
        "not {goal} after {}:\n  {}{more}",
        length(limit),
        shown.join("\n  ")
    ))
}

fn verdict(instances: &[&InstanceStatus], goal: WaitFor) -> Verdict {
    let mut missing = Vec::new();
    for status in instances {
        let there = match goal {
            WaitFor::Healthy => status.state.good() && status.state != State::Degraded,
            WaitFor::Ready => status.state.good(),
            WaitFor::Stopped => matches!(status.state, State::Stopped | State::Completed),
        };
        if there {
            continue;
        }
        let reason = plain(&status.reason.to_string());
        let why = match reason.is_empty() {
            true => format!("{} is {}", status.instance, status.state),
            false => format!("{} is {}: {reason}", status.instance, status.state),
        };
        if status.state == State::Quarantined && goal != WaitFor::Stopped {
            return Verdict::Never(format!(
                "{why}\n`azora release {}` starts it again once that is mended",
                status.service
            ));
        }
        missing.push(why);
    }
    match missing.is_empty() {
        true => Verdict::There,
        false => Verdict::Missing(missing),
    }
}
