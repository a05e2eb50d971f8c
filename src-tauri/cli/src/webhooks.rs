//! `webhooks`: where events are sent and how it stands with each, and `webhooks test`.

use crate::args::{Place, Webhooks, WebhooksCommand};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, length, now, with_times};
use api::client::Client;
use api::requests::{Nothing, TestWebhooksRequest};
use model::webhook::{WebhookState, WebhookTested, WebhookView};
use model::{Timestamp, WebhookName};
use serde_json::json;
use std::time::Duration;

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 3] = ["PLACE", "LOST", "DELIVERED"];

/// `azora webhooks`, and what goes with it.
pub(crate) async fn webhooks(place: &Place, arguments: &Webhooks) -> Done {
    match &arguments.command {
        Some(WebhooksCommand::Test { name, json }) => test(place, name.as_deref(), json.json).await,
        None => list(place, arguments.json.json).await,
    }
}

async fn list(place: &Place, as_json: bool) -> Done {
    let client = Client::connect(layout(place)?.home()).await?;
    let all: Vec<WebhookView> = client.call("webhooks", &Nothing {}).await?;
    if as_json {
        print(&with_times(json!(all)).to_string())?;
        return Ok(());
    }
    if all.is_empty() {
        print(
            "nobody is told of events by HTTP; a webhook is made in settings.toml of the home, see \
             docs/settings.md",
        )?;
        return Ok(());
    }
    let now = now();
    let rows: Vec<Vec<Cell>> = all.iter().map(|one| row(one, now)).collect();
    let headings = [
        "WEBHOOK",
        "STATE",
        "WAITING",
        "LOST",
        "DELIVERED",
        "PLACE",
        "WHY",
    ];
    for line in table(&headings, &rows, &SPARE, Terminal::stdout()) {
        print(&line)?;
    }
    Ok(())
}

fn row(one: &WebhookView, now: Timestamp) -> Vec<Cell> {
    let paint = match one.state {
        WebhookState::Idle => Paint::Good,
        WebhookState::Sending => Paint::None,
        WebhookState::Retrying => Paint::Warn,
        WebhookState::Gone => Paint::Bad,
    };
    let waiting = match one.oldest {
        Some(oldest) => format!("{} ({})", one.waiting, ago(oldest, now)),
        None => one.waiting.to_string(),
    };
    let lost = one.lost + one.refused;
    let lost_paint = if lost == 0 { Paint::None } else { Paint::Bad };
    let delivered = match one.delivered {
        Some(last) => format!("event {}, {} ago", last.seq, ago(last.at, now)),
        None => "never".to_owned(),
    };
    let mut why = plain(&one.reason);
    if let Some(next) = one.next {
        let wait = length(Duration::from_millis(next.millis_since(now)));
        why = format!("{why}; tried again in {wait}");
    }
    vec![
        cell(one.name.to_string()),
        (one.state.as_str().to_owned(), paint),
        cell(waiting),
        (lost.to_string(), lost_paint),
        cell(delivered),
        (plain(&one.place), Paint::Faint),
        cell(why),
    ]
}

/// Fails when one of them did not take it.
async fn test(place: &Place, name: Option<&str>, as_json: bool) -> Done {
    let name: Option<WebhookName> = name
        .map(str::parse)
        .transpose()
        .map_err(|error| Fail::usage(format!("that is no name of a webhook: {error}")))?;
    let client = Client::connect(layout(place)?.home()).await?;
    let request = TestWebhooksRequest { name, reason: None };
    let tested: Vec<WebhookTested> = client.call("test_webhooks", &request).await?;
    if as_json {
        print(&json!(tested).to_string())?;
    } else {
        for one in &tested {
            print(&sentence(one))?;
        }
    }
    match tested.iter().all(|one| one.taken) {
        true => Ok(()),
        // What is not taken has been said.
        false => Err(Fail::said()),
    }
}

fn sentence(one: &WebhookTested) -> String {
    let terminal = Terminal::stdout();
    let (word, paint) = match one.taken {
        true => ("took it", Paint::Good),
        false => ("did not take it", Paint::Bad),
    };
    let took = length(Duration::from_millis(one.took_ms));
    let (name, place, said) = (&one.name, plain(&one.place), plain(&one.said));
    let word = terminal.paint(paint, word);
    format!("{name} at {place} {word}: {said}, after {took}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::webhook::{Delivery, WebhookFailure};

    #[test]
    fn a_row_says_what_waits_why_and_until_when() {
        let failed = WebhookFailure {
            at: Timestamp(0),
            why: "it answered 503".into(),
        };
        let one = WebhookView {
            name: "pager".parse().unwrap(),
            place: "https://hooks.example.com/…".into(),
            events: vec!["incident".into()],
            clusters: Vec::new(),
            state: WebhookState::Retrying,
            reason: failed.why.clone(),
            waiting: 3,
            oldest: Some(Timestamp(1_000)),
            delivered: Some(Delivery {
                seq: 7,
                at: Timestamp(21_000),
                status: 200,
            }),
            failed: Some(failed),
            next: Some(Timestamp(35_000)),
            lost: 1,
            refused: 1,
        };
        let row = row(&one, Timestamp(31_000));
        let texts: Vec<&str> = row.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "pager",
                "retrying",
                "3 (30 s)",
                "2",
                "event 7, 10 s ago",
                "https://hooks.example.com/…",
                "it answered 503; tried again in 4.0 s"
            ]
        );
    }
}
