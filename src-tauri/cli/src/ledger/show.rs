//! `ledger show`: entries as a person reads them.

use super::home::{Home, failed};
use super::stand;
use crate::args::LedgerShow;
use crate::fail::Done;
use crate::table::{Cell, cell, table};
// Of entries secrets were hidden before they were written; hashes, signatures and keys look like some.
use crate::terminal::{Paint, Terminal, plain, print_as_it_is as print};
use crate::text::clock;
use ledger::Source;
use model::{Act, Actor, Entry, Outcome, Said, Target};
use serde_json::{Value, json};

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 2] = ["ACT", "TIME"];

pub(super) async fn show(home: &Home, asked: &LedgerShow) -> Done {
    let view = home.stands().await?;
    let newest = view.entries.saturating_sub(u64::from(asked.limit));
    let after = asked.from.map_or(newest, |from| from - 1);
    let some = home
        .after(after, asked.limit)
        .await
        .map_err(|error| failed(&error))?;
    let texts = some.text.split_terminator('\n');
    // Where one is missing the numbers of those after it are not known: verifying tells.
    let numbered = (some.first..).zip(texts);
    if asked.json.json {
        let all: Vec<Value> = numbered
            .map(|(n, text)| {
                let entry: Value = serde_json::from_str(text).unwrap_or(Value::Null);
                json!({"n": n, "signed": n <= view.signed, "entry": entry, "text": text})
            })
            .collect();
        print(&Value::Array(all).to_string())?;
        return Ok(());
    }
    let rows: Vec<Vec<Cell>> = numbered
        .map(|(n, text)| row(n, text, n <= view.signed))
        .collect();
    if rows.is_empty() {
        print(&format!(
            "there is no entry after {after}; the last one is {}",
            view.entries
        ))?;
    } else {
        for line in table(
            &["N", "TIME", "ACT", "WHO", "WHAT"],
            &rows,
            &SPARE,
            Terminal::stdout(),
        ) {
            print(&line)?;
        }
    }
    print("")?;
    for line in stand(&view) {
        print(&line)?;
    }
    Ok(())
}

fn row(n: u64, text: &str, signed: bool) -> Vec<Cell> {
    let said = serde_json::from_str::<Entry<'_>>(text)
        .ok()
        .and_then(Entry::said);
    let paint = if signed { Paint::None } else { Paint::Faint };
    let number = (n.to_string(), paint);
    let Some(said) = said else {
        let what = (format!("is no entry: {}", plain(text)), Paint::Bad);
        return vec![number, cell(""), cell("-"), cell("-"), what];
    };
    let (at, act, who, what) = match said {
        Said::Begun { acts, at } => {
            let before = match acts.0 {
                0 => "the ledger begins".to_owned(),
                acts => format!("the ledger begins; acts up to {acts} were before it"),
            };
            (
                clock(at),
                "-".to_owned(),
                "-".to_owned(),
                (before, Paint::None),
            )
        }
        Said::Admitted(act) => (
            clock(act.at),
            act.id.0.to_string(),
            who(&act.actor),
            (asked(&act), Paint::None),
        ),
        Said::Done(act) => {
            let (how, paint) = ended(&act.outcome);
            let what = format!("{}; {how}", asked(&act));
            (
                clock(act.at),
                act.id.0.to_string(),
                who(&act.actor),
                (what, paint),
            )
        }
        Said::Ended { act, outcome } => (
            String::new(),
            act.0.to_string(),
            "-".to_owned(),
            ended(&outcome),
        ),
    };
    let (what, paint) = what;
    vec![
        number,
        cell(at),
        cell(act),
        cell(plain(&who)),
        (plain(&what), paint),
    ]
}

fn who(actor: &Actor) -> String {
    let kind = json!(actor.kind);
    format!("{} ({})", kind.as_str().unwrap_or_default(), actor.via)
}

/// "restart api in shop-0badcafe: for the 7th time".
fn asked(act: &Act) -> String {
    let Target {
        cluster,
        services,
        instance,
    } = &act.target;
    let mut words = vec![act.verb.name().to_owned()];
    match instance {
        Some(instance) => words.push(instance.to_string()),
        None => words.extend(services.iter().map(ToString::to_string)),
    }
    words.extend(cluster.iter().map(|cluster| format!("in {cluster}")));
    let words = words.join(" ");
    match act.reason.is_empty() {
        true => words,
        false => format!("{words}: {}", act.reason),
    }
}

fn ended(outcome: &Outcome) -> (String, Paint) {
    match outcome {
        Outcome::Pending => ("is under way".to_owned(), Paint::Busy),
        Outcome::Done(what) => (format!("is done: {what}"), Paint::None),
        Outcome::Failed(why) => (format!("failed: {why}"), Paint::Bad),
        Outcome::Refused(why) => (format!("was refused: {why}"), Paint::Warn),
        Outcome::Overtaken(why) => (format!("was overtaken: {why}"), Paint::Warn),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_a_sentence_and_what_is_none_says_so() {
        let text = |n: u64, text: &str| -> String {
            let row = row(n, text, true);
            row.iter()
                .skip(2)
                .map(|(text, _)| text.as_str())
                .collect::<Vec<_>>()
                .join(" | ")
        };
        let admitted = r#"{"actor":{"kind":"person","via":"cli"},"at":1,"entry":"admitted","id":7,"reason":"why\u001b","target":{"cluster":"shop-1","services":["api"]},"verb":"stop"}"#;
        assert_eq!(
            text(2, admitted),
            "7 | person (cli) | stop api in shop-1: why\\x1b"
        );
        let ended = r#"{"act":7,"entry":"ended","outcome":{"detail":"no","kind":"failed"}}"#;
        assert_eq!(text(3, ended), "7 | - | failed: no");
        assert_eq!(text(4, "{}"), "- | - | is no entry: {}");
        let begun = r#"{"acts":7,"at":1,"entry":"begun"}"#;
        assert_eq!(
            text(1, begun),
            "- | - | the ledger begins; acts up to 7 were before it"
        );
    }
}
