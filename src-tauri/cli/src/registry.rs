//! `registry`: what is registered, where, how well it is and who says how long.

use crate::args::{Place, Registry};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, now, until, with_times};
use api::client::Client;
use api::requests::{Nothing, RegisteredRequest};
use api::views::StatusView;
use model::Timestamp;
use model::view::{Health, KeptBy, RegisteredView, RegistryView};
use serde_json::json;

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 5] = ["SINCE", "CATEGORY", "VERSION", "TAGS", "ID"];

/// `azora registry`. A name that nothing has is told as what is not there.
pub(crate) async fn registry(place: &Place, arguments: &Registry) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let request = RegisteredRequest {
        name: arguments.name.clone(),
        tags: arguments.tags.clone(),
    };
    let view: RegisteredView = client.call("registered", &request).await?;
    let absent = match &arguments.name {
        Some(name) if view.found == 0 => Some(nothing(name, &view)),
        _ => None,
    };
    if arguments.json.json {
        let (total, found, entries) = (view.total, view.found, view.entries);
        let shown = json!({ "total": total, "found": found, "entries": entries });
        print(&with_times(shown).to_string())?;
    } else if absent.is_none() {
        show(&client, arguments, &view).await?;
    }
    absent.map_or(Ok(()), |said| Err(Fail::absent(said)))
}

fn nothing(name: &str, view: &RegisteredView) -> String {
    let name = plain(name);
    match &view.why {
        Some(why) => format!(
            "there is no {name} among the {} entries of the registry: {}",
            view.total,
            plain(why)
        ),
        None => format!("none of what is registered as {name} has these tags"),
    }
}

async fn show(client: &Client, arguments: &Registry, view: &RegisteredView) -> Done {
    if view.entries.is_empty() {
        let what = match arguments.tags.is_empty() {
            true => "nothing is registered".to_owned(),
            false => format!("none of the {} entries has these tags", view.total),
        };
        let status: StatusView = client.call("status", &Nothing {}).await?;
        let how = match &status.engine.registry {
            Some(url) => format!("; programs register by POST {url}/register"),
            None => String::new(),
        };
        return Ok(print(&format!("{what}{how}"))?);
    }
    let now = now();
    let rows: Vec<Vec<Cell>> = view.entries.iter().map(|entry| row(entry, now)).collect();
    let headings = [
        "NAME", "ID", "ADDRESS", "HEALTH", "KEPT BY", "TAGS", "VERSION", "CATEGORY", "SINCE",
    ];
    for line in table(&headings, &rows, &SPARE, Terminal::stdout()) {
        print(&line)?;
    }
    let shown = view.entries.len();
    if (shown as u64) < u64::from(view.found) {
        print(&format!(
            "these are {shown} of {}; name one to see it, or ask the registry itself for all of them",
            view.found
        ))?;
    }
    Ok(())
}

fn row(entry: &RegistryView, now: Timestamp) -> Vec<Cell> {
    let (word, paint) = match entry.health {
        Health::Passing => ("passing", Paint::Good),
        Health::Warning => ("warning", Paint::Warn),
        Health::Critical => ("critical", Paint::Bad),
    };
    let health = match &entry.health_why {
        Some(why) => format!("{word}: {}", plain(why)),
        None => word.to_owned(),
    };
    let kept = match (entry.kept_by, &entry.cluster_name, entry.expires) {
        (KeptBy::Own, Some(cluster), _) => format!("cluster {cluster}"),
        (KeptBy::Own, None, _) => "its cluster".to_owned(),
        (KeptBy::Lease, _, Some(ends)) => format!("itself, ends {}", until(ends, now)),
        (KeptBy::Lease, _, None) => "itself".to_owned(),
        (KeptBy::Probe, ..) => "our look at it".to_owned(),
        (KeptBy::Checks, ..) => "its checks".to_owned(),
    };
    let said = |text: &Option<String>| cell(text.as_deref().map(plain).unwrap_or_default());
    vec![
        cell(plain(&entry.name)),
        (plain(&entry.id), Paint::Faint),
        cell(plain(&entry.url)),
        (health, paint),
        cell(kept),
        cell(plain(&entry.tags.join(","))),
        said(&entry.version),
        said(&entry.category),
        cell(ago(entry.since, now)),
    ]
}
