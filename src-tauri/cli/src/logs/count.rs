//! `azora logs --count`: how many lines there are, counted where the logs lie.

use super::pages::Wanted;
use crate::fail::{Done, Fail};
use crate::place::Scene;
use crate::table::{Cell, cell, table};
use crate::terminal::{Terminal, print};
use api::requests::SearchLogsRequest;
use model::InstanceId;
use model::view::LogSearch;
use serde_json::json;
use std::collections::BTreeMap;

/// Counts the lines that are wanted in each log, until all that is there now was looked through.
pub(super) async fn count(scene: &Scene, wanted: &Wanted, as_json: bool) -> Done {
    let request = SearchLogsRequest {
        cluster: scene.cluster.id.clone(),
        instances: wanted.instances.clone(),
        since: wanted.since,
        until: wanted.until,
        grep: wanted.grep.clone(),
        text: None,
        level: wanted.level,
    };
    let mut counts: BTreeMap<InstanceId, u64> = wanted
        .instances
        .iter()
        .map(|instance| (instance.clone(), 0))
        .collect();
    let mut told = scene
        .client
        .stream::<LogSearch>("search_logs", &request)
        .await?;
    loop {
        let Some(far) = told.next().await? else {
            return Err(Fail::absent("the engine ended before all was counted"));
        };
        if let Some(problem) = far.problem {
            return Err(Fail::absent(format!("failed to read a log: {problem}")));
        }
        counts.insert(far.instance, far.count);
        if far.done {
            break;
        }
    }
    if as_json {
        return Ok(print(&json!(counts).to_string())?);
    }
    let rows: Vec<Vec<Cell>> = counts
        .iter()
        .map(|(instance, count)| vec![cell(instance.to_string()), cell(count.to_string())])
        .collect();
    for line in table(
        &["INSTANCE", "LINES"],
        &rows,
        &["LINES"],
        Terminal::stdout(),
    ) {
        print(&line)?;
    }
    Ok(())
}
