//! `azora logs`: what services printed, in the order of time, and what they print now.

mod count;
mod follow;
mod pages;
mod show;

use crate::args::{Logs, Place};
use crate::fail::{Done, Fail};
use crate::place::Scene;
use crate::table::{Cell, cell, table};
use crate::terminal::{Terminal, note, plain, print};
use crate::text::{clock, now, since, with_times};
use crate::whom::instances;
use api::requests::LogRunsRequest;
pub(crate) use follow::{LOOK, gone, next_engine};
use model::view::LogRun;
use model::{InstanceId, Timestamp};
use pages::{Merged, Wanted, last_lines};
use serde_json::json;
use show::{Form, Show};

/// Lines of each instance when nobody says how many.
const USUAL_TAIL: usize = 200;

/// `azora logs`.
pub(crate) async fn logs(place: &Place, arguments: &Logs) -> Done {
    let (since, until) = range(arguments, now())?;
    let scene = Scene::find(place).await?;
    let all = scene.ps().await?.instances;
    let instances = instances(&scene.cluster.id, &all, &arguments.services)?;
    if arguments.first_error {
        return first_errors(&scene, arguments, &instances).await;
    }
    let mut wanted = Wanted {
        instances,
        since,
        until,
        grep: arguments.grep.clone(),
        level: arguments.level.map(Into::into),
        from: arguments.from,
        reveal: None,
    };
    if arguments.reveal {
        let (client, id) = (&scene.client, &scene.cluster.id);
        let services = match arguments.services.is_empty() {
            // Of all, which those are that come later, too.
            true => Vec::new(),
            false => wanted.services(),
        };
        let key = crate::reveal::key(client, id, services, arguments.reason.clone()).await?;
        wanted.reveal = Some(key);
    }
    if arguments.count {
        return count::count(&scene, &wanted, arguments.json.json).await;
    }
    if let Some(address) = wanted.from {
        still_there(&scene, &wanted, address).await?;
    }
    let form = match (arguments.json.json, arguments.follow) {
        (false, _) => Form::Text,
        (true, false) => Form::List,
        (true, true) => Form::Objects,
    };
    let mut show = Show::new(form, arguments.timestamps, &wanted.instances);
    let whole = arguments.follow;
    let tail = arguments.tail.map(|tail| tail as usize);
    // From a beginning on it is read forwards, however much it is; else backwards from the end.
    let places = if wanted.from.is_some() || (since.is_some() && tail.is_none()) {
        let mut lines = Merged::open(&scene, &wanted, whole);
        let mut left = tail.filter(|_| !arguments.follow).unwrap_or(usize::MAX);
        while left > 0
            && let Some(line) = lines.next().await?
        {
            show.line(&line)?;
            left -= 1;
        }
        lines.places()
    } else {
        let tail = tail.unwrap_or(USUAL_TAIL);
        let (lines, places) = last_lines(&scene, &wanted, tail, whole).await?;
        lines.iter().try_for_each(|line| show.line(line))?;
        places
    };
    if arguments.follow {
        show.flush()?;
        return follow::follow(place, scene, &wanted, arguments, places, &mut show).await;
    }
    show.end()
}

/// From when to when lines are wanted.
fn range(arguments: &Logs, now: Timestamp) -> Done<(Option<Timestamp>, Option<Timestamp>)> {
    let time = |text: &Option<String>| text.as_deref().map(|text| since(text, now)).transpose();
    let (begin, end) = (time(&arguments.since)?, time(&arguments.until)?);
    match (begin, end) {
        (Some(begin), Some(end)) if begin.0 > end.0 => Err(Fail::usage(
            "there is no time in which lines could be written: --since is later than --until",
        )),
        range => Ok(range),
    }
}

/// An address that was given up is not passed over in silence.
async fn still_there(scene: &Scene, wanted: &Wanted, address: u64) -> Done {
    let [instance] = wanted.instances.as_slice() else {
        return Err(Fail::usage(
            "--from is an address in one log; name one instance, like api.0",
        ));
    };
    let mut request = wanted.request(&scene.cluster.id, instance);
    request.limit = Some(1);
    let page: model::view::LogPage = scene.client.call("logs", &request).await?;
    if address < page.begin {
        return Err(Fail::absent(format!(
            "address {address} of {instance} is no longer kept; what is kept begins at {}",
            page.begin
        )));
    }
    if address > page.end {
        return Err(Fail::absent(format!(
            "the log of {instance} ends at {}, before address {address}",
            page.end
        )));
    }
    Ok(())
}

/// `azora logs --first-error`.
async fn first_errors(scene: &Scene, arguments: &Logs, instances: &[InstanceId]) -> Done {
    let mut found: Vec<(&InstanceId, LogRun)> = Vec::new();
    for instance in instances {
        let request = LogRunsRequest {
            cluster: scene.cluster.id.clone(),
            instance: instance.clone(),
            limit: arguments.tail,
        };
        let runs: Vec<LogRun> = scene.client.call("log_runs", &request).await?;
        found.extend(runs.into_iter().map(|run| (instance, run)));
    }
    if arguments.json.json {
        let rows: Vec<_> = found
            .iter()
            .map(|(instance, run)| {
                let mut row = json!(run);
                row["instance"] = json!(instance);
                row
            })
            .collect();
        return Ok(print(&with_times(json!(rows)).to_string())?);
    }
    let rows: Vec<Vec<Cell>> = found
        .iter()
        .map(|(instance, run)| row(instance, run))
        .collect();
    let headings = ["INSTANCE", "START", "SINCE", "ADDRESS", "FIRST ERROR"];
    for line in table(&headings, &rows, &["SINCE", "ADDRESS"], Terminal::stdout()) {
        print(&line)?;
    }
    if found.is_empty() {
        note("azora: none of these has been started since starts are noted");
    }
    Ok(())
}

fn row(instance: &InstanceId, run: &LogRun) -> Vec<Cell> {
    let (address, mut text) = match &run.error {
        Some(line) => (line.offset.to_string(), plain(&without_colours(&line.text))),
        None => ("-".to_owned(), "none".to_owned()),
    };
    if run.error.is_some() && !run.kept {
        text.insert_str(0, "(no longer in the log) ");
    }
    if run.unseen > 0 {
        text.push_str(&format!(" ({} bytes went by unseen)", run.unseen));
    }
    vec![
        cell(instance.to_string()),
        cell(run.generation.0.to_string()),
        cell(clock(run.at)),
        cell(address),
        cell(text),
    ]
}

/// A line's text as one that is not printed but named.
fn without_colours(text: &str) -> String {
    crate::terminal::printed(text, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser as _;
    use model::Generation;
    use model::view::LogLine;

    #[test]
    fn a_range_without_any_time_in_it_is_said_to_be_none() {
        let asked = |words: &[&str]| {
            let words = [&["azora", "logs"], words].concat();
            let Command::Logs(logs) = Arguments::try_parse_from(words).unwrap().command else {
                panic!("these are logs")
            };
            range(&logs, Timestamp(3_600_000)).map_err(|fail| fail.message)
        };
        let refused = asked(&["--since", "5m", "--until", "10m"]).unwrap_err();
        assert!(refused.contains("--since is later"), "{refused}");
        let range = asked(&["--since", "10m", "--until", "5m"]).unwrap();
        assert_eq!(
            range,
            (Some(Timestamp(3_000_000)), Some(Timestamp(3_300_000)))
        );
        assert_eq!(asked(&["--until", "5m"]).unwrap().0, None);
    }

    #[test]
    fn a_row_says_whether_the_log_still_has_the_line_and_what_nobody_saw() {
        let instance: InstanceId = "api.0".parse().unwrap();
        let line = LogLine {
            offset: 17,
            end: 40,
            missed: None,
            skipped: None,
            level: None,
            at: None,
            instance: instance.clone(),
            text: "\x1b[31mError:\x1b[0m boom".to_owned(),
        };
        let mut run = LogRun {
            generation: Generation(3),
            at: Timestamp(0),
            begin: 0,
            end: 100,
            error: Some(line),
            kept: true,
            unseen: 0,
        };
        let texts = |run: &LogRun| -> Vec<String> {
            row(&instance, run)
                .into_iter()
                .map(|(text, _)| text)
                .collect()
        };
        assert_eq!(texts(&run)[3..], ["17", "Error: boom"]);
        run.kept = false;
        run.unseen = 9;
        assert_eq!(
            texts(&run)[4],
            "(no longer in the log) Error: boom (9 bytes went by unseen)"
        );
        run.error = None;
        assert_eq!(texts(&run)[3..], ["-", "none (9 bytes went by unseen)"]);
    }
}
