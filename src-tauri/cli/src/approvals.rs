//! `approvals`, `approve` and `deny`: what waits for persons, and what they say to it.

use crate::args::{Approvals, Approve, Place};
use crate::fail::Done;
use crate::place::layout;
use crate::terminal::{plain, print};
use crate::text::{clock, with_times};
use api::approvals::ApprovalRequest;
use api::client::Client;
use api::requests::Nothing;
use model::{ActorKind, Approval, ApprovalState};
use serde_json::json;

/// `azora approvals`: what waits, or everything that is known.
pub(crate) async fn approvals(place: &Place, arguments: &Approvals) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let mut all: Vec<Approval> = client.call("approvals", &Nothing {}).await?;
    if !arguments.all {
        all.retain(Approval::is_open);
    }
    if arguments.json.json {
        print(&with_times(json!(all)).to_string())?;
        return Ok(());
    }
    if all.is_empty() {
        print("nothing waits for approval")?;
    }
    for one in &all {
        print(&format!("{}  {}", clock(one.at), plain(&sentence(one))))?;
        for line in &one.consequences {
            print(&format!("      {}", plain(line)))?;
        }
        if !one.reason.is_empty() {
            print(&format!("      because: {}", plain(&one.reason)))?;
        }
        for rule in &one.rules {
            print(&format!(
                "      {} (rule {})",
                plain(&rule.says),
                plain(&rule.id)
            ))?;
        }
    }
    Ok(())
}

/// `azora approve ID` and `azora deny ID`.
pub(crate) async fn answer(place: &Place, arguments: &Approve, call: &'static str) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let request = ApprovalRequest {
        id: arguments.id,
        name: arguments.name.clone(),
        reason: arguments.reason.clone(),
    };
    let one: Approval = client.call(call, &request).await?;
    if arguments.json.json {
        print(&with_times(json!(one)).to_string())?;
        return Ok(());
    }
    print(&plain(&sentence(&one)))?;
    Ok(())
}

/// One of them in words: "approval 3: cli asks for stop db: 1 of 2 have approved (anna)".
pub(crate) fn sentence(one: &Approval) -> String {
    let what = one
        .consequences
        .first()
        .map_or(one.verb.name(), String::as_str);
    let names: Vec<&str> = one.given.iter().map(|by| by.name.as_str()).collect();
    let by = match names.is_empty() {
        true => String::new(),
        false => format!(" ({})", names.join(", ")),
    };
    let state = match one.state {
        ApprovalState::Waiting => format!("{} of {} have approved{by}", names.len(), one.needed),
        ApprovalState::Approved if one.actor.kind == ActorKind::Healer => {
            format!("approved{by}: healing does it")
        }
        ApprovalState::Approved => format!(
            "approved{by}: ask for it again with `--approval {}`, once, until {}",
            one.id.0,
            clock(one.until)
        ),
        ApprovalState::Used => format!("was used{by}"),
        ApprovalState::Denied => "was denied".to_owned(),
        ApprovalState::Withdrawn => "was withdrawn: it is not needed any more".to_owned(),
        ApprovalState::Expired => format!("is over, with {} of {}", names.len(), one.needed),
    };
    let who = match one.actor.kind {
        ActorKind::Agent | ActorKind::Healer => one.actor.called(),
        _ => format!("{} ({})", one.name, one.actor.via),
    };
    let asks = match one.actor.kind {
        ActorKind::Healer => "proposes",
        _ => "asks for",
    };
    format!("approval {}: {who} {asks} {what}: {state}", one.id.0)
}
