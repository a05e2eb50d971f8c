//! `registry`: what is registered, where, how well it is and who says how long.

use crate::args::{Place, Registry};
use crate::fail::Done;
use crate::place::layout;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, now, until, with_times};
use api::client::Client;
use api::requests::Nothing;
use model::Timestamp;
use model::view::{Health, KeptBy, RegistryView, Snapshot};
use serde_json::json;

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 5] = ["SINCE", "CATEGORY", "VERSION", "TAGS", "ID"];

/// `azora registry`.
pub(crate) async fn registry(place: &Place, arguments: &Registry) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let snapshot: Snapshot = client.call("snapshot", &Nothing {}).await?;
    let total = snapshot.registry_total;
    let known = snapshot.registry.len();
    let mut entries = snapshot.registry;
    entries.retain(|entry| fits(entry, arguments));
    if arguments.json.json {
        print(&with_times(json!({ "total": total, "entries": entries })).to_string())?;
        return Ok(());
    }
    if entries.is_empty() {
        let where_to = match &snapshot.engine.registry {
            Some(url) => format!("; programs register by POST {url}/register"),
            None => String::new(),
        };
        let what = match arguments.name.is_some() || !arguments.tags.is_empty() {
            true => "nothing like it is registered",
            false => "nothing is registered",
        };
        print(&format!("{what}{where_to}"))?;
        return Ok(());
    }
    let now = now();
    let rows: Vec<Vec<Cell>> = entries.iter().map(|entry| row(entry, now)).collect();
    let headings = [
        "NAME", "ID", "ADDRESS", "HEALTH", "KEPT BY", "TAGS", "VERSION", "CATEGORY", "SINCE",
    ];
    for line in table(&headings, &rows, &SPARE, Terminal::stdout()) {
        print(&line)?;
    }
    if (known as u64) < u64::from(total) {
        print(&format!(
            "{known} of {total} entries were looked at; ask the registry itself for the others"
        ))?;
    }
    Ok(())
}

fn fits(entry: &RegistryView, arguments: &Registry) -> bool {
    let named = arguments
        .name
        .as_ref()
        .is_none_or(|name| entry.name == *name);
    named && arguments.tags.iter().all(|tag| entry.tags.contains(tag))
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
