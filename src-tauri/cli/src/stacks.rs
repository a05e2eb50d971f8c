//! `ps --all`: every cluster of every home of this user.

use crate::args::Place;
use crate::fail::Done;
use crate::place::layout;
use crate::reads::{instance_json, ps_row, ps_table};
use crate::table::Cell;
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{now, overall_paint};
use api::client::{self, Client};
use api::requests::{Nothing, PsRequest};
use api::views::{PsView, StatusView};
use driver::{Layout, homes};
use engine::Remembered;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the engine of one home may take to answer. One that hangs must not hide the others.
const ANSWER: Duration = Duration::from_secs(5);

/// A home and what is in it.
struct Stack {
    layout: Layout,
    found: Found,
}

enum Found {
    /// Its engine told: its process, and every cluster.
    Told(u32, Vec<PsView>),
    /// No engine runs. What the home remembers.
    NoEngine(Vec<Remembered>),
    /// An engine has it and did not tell. Why, and what the home remembers.
    Silent(String, Vec<Remembered>),
}

/// `azora ps --all`.
pub(crate) async fn all(place: &Place, json: bool) -> Done {
    let mut layouts = homes::all();
    let here = layout(place)?;
    if !layouts.contains(&here) {
        layouts.push(here);
    }
    let mut stacks = Vec::new();
    for layout in layouts {
        let found = look(&layout).await;
        stacks.push(Stack { layout, found });
    }
    if json {
        let all: Vec<Value> = stacks.iter().flat_map(Stack::json).collect();
        print(&json!({ "stacks": all }).to_string())?;
        return Ok(());
    }
    let lines: Vec<String> = stacks
        .iter()
        .flat_map(|stack| stack.lines(Terminal::stdout()))
        .collect();
    if lines.is_empty() {
        print("no home of yours has a cluster; `azora up` brings one up")?;
    }
    for line in lines {
        print(&line)?;
    }
    Ok(())
}

async fn look(layout: &Layout) -> Found {
    let remembered = || engine::remembered(layout);
    match tokio::time::timeout(ANSWER, ask(layout)).await {
        Ok(Ok((pid, views))) => Found::Told(pid, views),
        Ok(Err(error)) if error.nobody() => Found::NoEngine(remembered()),
        Ok(Err(error)) => Found::Silent(crate::fail::story(&error), remembered()),
        Err(_) => Found::Silent("its engine does not answer".to_owned(), remembered()),
    }
}

async fn ask(layout: &Layout) -> Result<(u32, Vec<PsView>), client::Error> {
    let client = Client::connect(layout.home()).await?;
    let status: StatusView = client.call("status", &Nothing {}).await?;
    let mut views = Vec::new();
    for cluster in status.clusters {
        let request = PsRequest {
            cluster: Some(cluster.id),
            folder: None,
        };
        match client.call("ps", &request).await {
            Ok(view) => views.push(view),
            // Forgotten between the two.
            Err(client::Error::Failed(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((status.engine.pid, views))
}

impl Stack {
    fn json(&self) -> Vec<Value> {
        let home = self.layout.home().display().to_string();
        let remembered = |all: &[Remembered], error: Option<&str>| -> Vec<Value> {
            all.iter()
                .map(|one| {
                    json!({
                        "home": home,
                        "engine": null,
                        "error": error,
                        "cluster": one.id,
                        "name": one.name,
                        "folder": one.folder,
                        "overall": if one.processes == Some(0) { "stopped" } else { "unknown" },
                        "processes": one.processes,
                        "instances": [],
                    })
                })
                .collect()
        };
        match &self.found {
            Found::Told(pid, views) => views
                .iter()
                .map(|view| {
                    let instances: Vec<Value> = view.instances.iter().map(instance_json).collect();
                    json!({
                        "home": home,
                        "engine": pid,
                        "error": null,
                        "cluster": view.cluster.id,
                        "name": view.cluster.name,
                        "folder": view.cluster.folder,
                        "overall": view.cluster.overall,
                        "instances": instances,
                    })
                })
                .collect(),
            Found::NoEngine(all) => remembered(all, None),
            Found::Silent(why, all) => remembered(all, Some(why)),
        }
    }

    fn lines(&self, terminal: Terminal) -> Vec<String> {
        let home = self.layout.home().display();
        let mut lines = Vec::new();
        let remembered = |lines: &mut Vec<String>, all: &[Remembered], why: &str| {
            for one in all {
                let head = format!("{}  {}", one.id, plain(&one.folder));
                lines.push(terminal.paint(Paint::Strong, &head));
                lines.push(format!("  home {home}, {why}"));
                lines.push(match one.processes {
                    Some(0) => "  nothing of it runs".to_owned(),
                    Some(n) => {
                        format!("  {n} processes of its services run on; an engine adopts them")
                    }
                    None => "  it could not be looked for what of it runs".to_owned(),
                });
                lines.push(String::new());
            }
        };
        match &self.found {
            Found::Told(pid, views) => {
                for view in views {
                    let cluster = &view.cluster;
                    let head = format!("{}  {}", cluster.id, plain(&cluster.folder));
                    let overall =
                        terminal.paint(overall_paint(cluster.overall), cluster.overall.as_str());
                    lines.push(format!(
                        "{}  {overall}",
                        terminal.paint(Paint::Strong, &head)
                    ));
                    lines.push(format!("  home {home}, engine pid {pid}"));
                    let now = now();
                    let rows: Vec<Vec<Cell>> = view
                        .instances
                        .iter()
                        .map(|status| ps_row(status, now))
                        .collect();
                    let narrower = terminal.narrower(2);
                    let rows = ps_table(rows, narrower);
                    lines.extend(rows.into_iter().map(|line| format!("  {line}")));
                    lines.push(String::new());
                }
            }
            Found::NoEngine(all) => remembered(&mut lines, all, "no engine runs"),
            Found::Silent(why, all) => remembered(&mut lines, all, why),
        }
        lines
    }
}
