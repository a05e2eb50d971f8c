//! `azora logs`: what services printed, in the order of time, and what they print now.

use crate::args::{Logs, Place};
use crate::fail::{Done, Fail};
use crate::place::{Scene, instances};
use crate::terminal::{Paint, Terminal, print, printed};
use crate::text::{clock, now, since, with_times};
use api::requests::{FollowLogsRequest, LogsRequest};
use model::view::{LogLine, LogPage};
use model::{InstanceId, ServiceName, Timestamp};
use serde_json::json;

/// Lines of each instance when nobody says how many.
const USUAL_TAIL: u32 = 200;
/// Lines in one question.
const PAGE: u32 = 2_000;
/// Most lines of one instance that are held to be put in order.
const MOST: usize = 200_000;

/// `azora logs`.
pub(crate) async fn logs(place: &Place, arguments: &Logs) -> Done {
    let since = arguments
        .since
        .as_deref()
        .map(|text| since(text, now()))
        .transpose()?;
    let scene = Scene::find(place).await?;
    let all = scene.ps().await?.instances;
    let wanted = instances(&scene.cluster.id, &all, &arguments.services)?;
    let show = Show::new(arguments, &wanted);
    if arguments.follow {
        return follow(&scene, arguments, &wanted, since, &show).await;
    }
    let most = match (arguments.tail, since) {
        (Some(tail), _) => tail as usize,
        (None, Some(_)) => MOST,
        (None, None) => USUAL_TAIL as usize,
    };
    let mut parts = Vec::new();
    for instance in &wanted {
        parts.push(last_lines(&scene, instance, since, most).await?);
    }
    let lines = in_order(parts);
    match arguments.json.json {
        true => print(&with_times(json!(lines)).to_string())?,
        false => lines.iter().try_for_each(|line| print(&show.line(line)))?,
    }
    Ok(())
}

/// The last lines of one instance, oldest first, page by page from the end.
async fn last_lines(
    scene: &Scene,
    instance: &InstanceId,
    since: Option<Timestamp>,
    most: usize,
) -> Done<Vec<LogLine>> {
    let mut pages: Vec<Vec<LogLine>> = Vec::new();
    let (mut missing, mut before) = (most.min(MOST), None);
    while missing > 0 {
        let request = LogsRequest {
            cluster: scene.cluster.id.clone(),
            instance: instance.clone(),
            before,
            after: None,
            limit: Some(u32::try_from(missing).unwrap_or(PAGE).min(PAGE)),
            since,
            until: None,
            grep: None,
        };
        let page: LogPage = scene.client.call("logs", &request).await?;
        let Some(first) = page.lines.first() else {
            break;
        };
        (missing, before) = (missing.saturating_sub(page.lines.len()), Some(first.offset));
        pages.push(page.lines);
        if !page.more {
            break;
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

/// Lines of several instances as one log. Each instance's own order stays; a line without a time
/// goes with the one before it.
fn in_order(parts: Vec<Vec<LogLine>>) -> Vec<LogLine> {
    let mut timed: Vec<(i64, LogLine)> = Vec::new();
    for part in parts {
        let mut latest = i64::MIN;
        for line in part {
            latest = latest.max(line.at.map_or(i64::MIN, |at| at.0));
            timed.push((latest, line));
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, line)| line).collect()
}

async fn follow(
    scene: &Scene,
    arguments: &Logs,
    wanted: &[InstanceId],
    since: Option<Timestamp>,
    show: &Show,
) -> Done {
    let mut services: Vec<ServiceName> = Vec::new();
    if !arguments.services.is_empty() {
        services = wanted
            .iter()
            .map(|instance| instance.service.clone())
            .collect();
        services.dedup();
    }
    let singles = arguments.services.iter().any(|word| word.contains('.'));
    let usual = if since.is_some() { PAGE } else { USUAL_TAIL };
    let request = FollowLogsRequest {
        cluster: scene.cluster.id.clone(),
        services,
        tail: Some(arguments.tail.unwrap_or(usual)),
    };
    let mut batches = scene
        .client
        .stream::<Vec<LogLine>>("follow_logs", &request)
        .await?;
    while let Some(batch) = batches.next().await? {
        for line in batch {
            let named = !singles || wanted.contains(&line.instance);
            let recent = since.is_none_or(|since| line.at.is_none_or(|at| at >= since));
            if named && recent {
                match arguments.json.json {
                    true => print(&with_times(json!(line)).to_string())?,
                    false => print(&show.line(&line))?,
                }
            }
        }
    }
    Err(Fail::absent("the engine has ended"))
}

/// How a line looks.
struct Show {
    terminal: Terminal,
    /// Width of the instance's name before each line; none when only one instance is shown.
    name: Option<usize>,
    times: bool,
}

impl Show {
    fn new(arguments: &Logs, wanted: &[InstanceId]) -> Self {
        let widest = wanted
            .iter()
            .map(|instance| instance.to_string().len())
            .max()
            .unwrap_or(0);
        Self {
            terminal: Terminal::stdout(),
            name: (wanted.len() > 1).then_some(widest),
            times: arguments.timestamps,
        }
    }

    fn line(&self, line: &LogLine) -> String {
        let mut text = String::new();
        if self.times {
            let at = line.at.map_or_else(|| "-".repeat(19), clock);
            text.push_str(&self.terminal.paint(Paint::Faint, &at));
            text.push(' ');
        }
        if let Some(width) = self.name {
            // A colour for each service, always the same one.
            const COLOURS: [Paint; 4] = [Paint::Busy, Paint::Good, Paint::Warn, Paint::Strong];
            let sum: usize = line
                .instance
                .service
                .as_str()
                .bytes()
                .map(usize::from)
                .sum();
            let name = format!("{:width$} |", line.instance);
            text.push_str(&self.terminal.paint(COLOURS[sum % COLOURS.len()], &name));
            text.push(' ');
        }
        text.push_str(&printed(&line.text, self.terminal.colour));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(instance: &str, at: Option<i64>, text: &str) -> LogLine {
        LogLine {
            offset: 0,
            at: at.map(Timestamp),
            instance: instance.parse().unwrap(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn logs_of_several_instances_become_one_in_the_order_of_time() {
        let api = vec![
            line("api.0", Some(1), "a1"),
            line("api.0", None, "a1 goes on"),
            line("api.0", Some(4), "a4"),
        ];
        let db = vec![
            line("db.0", Some(2), "d2"),
            line("db.0", Some(1), "d1 late clock"),
            line("db.0", Some(5), "d5"),
        ];
        let texts: Vec<String> = in_order(vec![api, db])
            .into_iter()
            .map(|line| line.text)
            .collect();
        assert_eq!(
            texts,
            ["a1", "a1 goes on", "d2", "d1 late clock", "a4", "d5"]
        );
    }

    #[test]
    fn a_line_says_whose_it_is_only_when_there_are_several() {
        let terminal = Terminal {
            live: false,
            colour: false,
            columns: None,
            rows: 24,
        };
        let several = Show {
            terminal,
            name: Some(6),
            times: false,
        };
        assert_eq!(several.line(&line("db.0", None, "hello")), "db.0   | hello");
        let single = Show {
            terminal,
            name: None,
            times: true,
        };
        assert_eq!(
            single.line(&line("db.0", None, "\x1b]0;x\x07")),
            "------------------- \\x1b]0;x\\x07"
        );
    }
}
