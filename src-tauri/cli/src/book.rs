//! `acts`: the book of acts, with the rules that let each in or refused it.

use crate::args::{Acts, Place};
use crate::fail::Done;
use crate::place::layout;
use crate::terminal::{plain, print};
use crate::text::{clock, with_times};
use api::client::Client;
use api::requests::RecentRequest;
use model::{Act, Outcome};
use serde_json::json;

/// `azora acts`: the newest, oldest of them first.
pub(crate) async fn acts(place: &Place, arguments: &Acts) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let request = RecentRequest {
        limit: Some(arguments.recent.limit),
    };
    let mut acts: Vec<Act> = client.call("acts", &request).await?;
    if let Some(wanted) = &place.cluster {
        acts.retain(|act| {
            let cluster = act.target.cluster.as_ref();
            cluster.is_some_and(|id| crate::past::is_cluster(id.as_str(), wanted))
        });
    }
    if arguments.refused {
        acts.retain(|act| matches!(act.outcome, Outcome::Refused(_)));
    }
    acts.reverse();
    if arguments.recent.json.json {
        print(&with_times(json!(acts)).to_string())?;
        return Ok(());
    }
    acts.iter().try_for_each(|act| {
        print(&format!("{}  {}", clock(act.at), plain(&sentence(act))))?;
        Ok(())
    })
}

/// An act in words: "7  cli: restart db: was refused: nobody does this (rule no)".
fn sentence(act: &Act) -> String {
    let mut words = vec![format!(
        "{}  {}: {}",
        act.id.0,
        act.actor.called(),
        act.verb.name()
    )];
    words.extend(act.target.services.iter().map(ToString::to_string));
    if let (true, Some(cluster)) = (act.target.services.is_empty(), &act.target.cluster) {
        words.push(cluster.to_string());
    }
    let outcome = match &act.outcome {
        Outcome::Pending => "is under way".to_owned(),
        Outcome::Done(what) => format!("done: {what}"),
        Outcome::Failed(why) => format!("failed: {why}"),
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Overtaken(why) => format!("overtaken: {why}"),
    };
    let rules = act.decision.iter().flat_map(|decision| &decision.rules);
    let rules: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
    let by = match rules.as_slice() {
        // A refusal has them in its words.
        [] => String::new(),
        _ if matches!(act.outcome, Outcome::Refused(_)) => String::new(),
        rules => format!(" (by {})", rules.join(", ")),
    };
    format!("{}: {outcome}{by}", words.join(" "))
}
