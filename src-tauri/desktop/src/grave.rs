//! A question of the app's own before the gravest calls of the window: one that approves of what somebody else asks
//! for, and one that removes data for good.
//!
//! The page asks people as well, but a page that was got at presses its own buttons. It cannot press those of a native
//! dialog, and it does not write what that says: what is to happen is looked up in the engine. One question is open at
//! a time; a page that asks for many gets a refusal for each of the others.

use crate::commands::Args;
use api::approvals::ApprovalRequest;
use api::model::view::{Code, Failure};
use api::model::{ActorKind, Approval, text::harmless};
use api::requests::DownRequest;
use engine::Handle;
use serde::de::DeserializeOwned;
use std::fmt::Write;
use tauri::{AppHandle, Manager, Runtime};
use tauri_plugin_dialog::{
    DialogExt, MessageDialogButtons, MessageDialogKind, MessageDialogResult,
};
use tokio::sync::{Mutex, oneshot};

/// Lines of what would happen; more are counted.
const LINES: usize = 12;
/// Characters of one thing that somebody else has named.
const LONGEST: usize = 200;
const CANCEL: &str = "Cancel";

/// The one question that may be open.
#[derive(Default)]
pub(crate) struct Asking(Mutex<()>);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    title: &'static str,
    text: String,
    yes: &'static str,
}

/// Returns once a person has said yes, and at once for calls that need no question.
///
/// # Errors
/// When the answer was no, or another question is open.
pub(crate) async fn ask<R: Runtime>(
    app: &AppHandle<R>,
    engine: &Handle,
    name: &str,
    args: &Args,
) -> Result<(), Failure> {
    let Some(question) = question(engine, name, args).await? else {
        return Ok(());
    };
    let asking = app.state::<Asking>();
    let Ok(_open) = asking.0.try_lock() else {
        return Err(refused(
            "another question of Azora's is still open; answer it first",
        ));
    };
    match answer(app, question).await {
        true => Ok(()),
        false => Err(refused("it was called off in Azora's own question")),
    }
}

fn refused(why: &str) -> Failure {
    Failure {
        code: Code::Refused,
        message: why.to_owned(),
    }
}

/// `None` where there is nothing to ask; what a call lacks is for its row to say.
///
/// # Errors
/// When it cannot be said what would be approved of: then nobody can have meant it.
async fn question(engine: &Handle, name: &str, args: &Args) -> Result<Option<Question>, Failure> {
    Ok(match name {
        "approve" => {
            let Some(request) = of::<ApprovalRequest>(args) else {
                return Ok(None);
            };
            let approval = engine.approval(request.id).await;
            let approval = approval.map_err(|error| refused(&error.to_string()))?;
            approval.is_open().then(|| to_approve(&approval))
        }
        "down" => of::<DownRequest>(args).and_then(|request| {
            let volumes = request.volumes.filter(|volumes| !volumes.is_empty())?;
            Some(to_remove(request.cluster.as_str(), &volumes))
        }),
        _ => None,
    })
}

fn of<T: DeserializeOwned>(args: &Args) -> Option<T> {
    T::deserialize(args.get("request")?).ok()
}

fn to_approve(approval: &Approval) -> Question {
    let Approval {
        actor,
        name,
        verb,
        target,
        details,
        consequences,
        ..
    } = approval;
    let services: Vec<&str> = target.services.iter().map(|one| one.as_str()).collect();
    let of = match (services.as_slice(), &target.cluster) {
        ([], None) => "everything".to_owned(),
        ([], Some(cluster)) => cluster.to_string(),
        (services, _) => harmless(&services.join(", "), LONGEST),
    };
    let who = match actor.kind {
        ActorKind::Healer => "Healing proposes".to_owned(),
        ActorKind::Agent => format!("{} asks for", harmless(&actor.called(), LONGEST)),
        _ => {
            let (name, via) = (harmless(name, LONGEST), harmless(&actor.via, LONGEST));
            format!("{name} ({via}) asks for")
        }
    };
    let mut text = format!("{who}: {} {of}", verb.name());
    if !details.is_empty() {
        let _ = write!(text, ", {}", harmless(details, LONGEST));
    }
    text.push('.');
    if !consequences.is_empty() {
        text.push_str("\n\nWhat would happen:");
        listed(&mut text, consequences);
    }
    Question {
        title: "Approve of it?",
        text,
        yes: "Approve",
    }
}

fn to_remove(cluster: &str, volumes: &[String]) -> Question {
    let mut text = format!("With {cluster} these volumes are removed, with all that is in them:");
    listed(&mut text, volumes);
    text.push_str("\n\nThey cannot be brought back.");
    Question {
        title: "Remove its data?",
        text,
        yes: "Remove",
    }
}

fn listed(text: &mut String, lines: &[String]) {
    for line in lines.iter().take(LINES) {
        let _ = write!(text, "\n• {}", harmless(line, LONGEST));
    }
    if let Some(more) = lines.len().checked_sub(LINES).filter(|more| *more > 0) {
        let _ = write!(text, "\n• and {more} more");
    }
}

async fn answer<R: Runtime>(app: &AppHandle<R>, question: Question) -> bool {
    let Question { title, text, yes } = question;
    let mut dialog = app
        .dialog()
        .message(text)
        .title(title)
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::OkCancelCustom(
            yes.into(),
            CANCEL.into(),
        ));
    if let Some(window) = app.get_webview_window(crate::window::MAIN) {
        dialog = dialog.parent(&window);
    }
    let (said, answer) = oneshot::channel();
    dialog.show_with_result(move |answer| {
        // Who asked may have gone.
        let _ = said.send(is_yes(&answer, yes));
    });
    answer.await.unwrap_or(false)
}

/// Platforms answer with the button's role or with its text.
fn is_yes(answer: &MessageDialogResult, yes: &str) -> bool {
    match answer {
        MessageDialogResult::Ok | MessageDialogResult::Yes => true,
        MessageDialogResult::Custom(text) => text == yes,
        MessageDialogResult::No | MessageDialogResult::Cancel => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::model::{Actor, ApprovalId, ApprovalState, Target, Timestamp, Verb};

    fn approval() -> Approval {
        Approval {
            id: ApprovalId(3),
            at: Timestamp(1),
            until: Timestamp(2),
            actor: Actor::person("cli"),
            name: "anna\u{202e}".to_owned(),
            verb: Verb::Stop,
            target: Target {
                cluster: "shop-0badcafe".parse().ok(),
                services: "db".parse().into_iter().collect(),
                instance: None,
            },
            details: String::new(),
            reason: "\u{1b}[31mnothing dangerous at all".to_owned(),
            consequences: (0..14).map(|n| format!("api.{n} is stopped")).collect(),
            rules: vec![],
            set: String::new(),
            needed: 1,
            given: vec![],
            state: ApprovalState::Waiting,
        }
    }

    #[test]
    fn it_says_who_asks_for_what_and_what_would_happen() {
        let question = to_approve(&approval());
        let mut lines = question.text.lines();
        let first = lines.next().unwrap();
        assert!(first.starts_with("anna"), "{first}");
        assert!(first.ends_with("(cli) asks for: stop db."), "{first}");
        assert!(!question.text.contains('\u{202e}'), "{}", question.text);
        assert_eq!(
            lines.clone().filter(|line| line.starts_with('•')).count(),
            LINES + 1
        );
        assert_eq!(lines.last(), Some("• and 2 more"));
        let whole = Approval {
            target: Target::default(),
            verb: Verb::EmergencyStop,
            ..approval()
        };
        assert!(
            to_approve(&whole)
                .text
                .contains("emergency-stop everything")
        );
        let proposed = Approval {
            actor: Actor::healer(),
            verb: Verb::Restart,
            details: "restart 1 of 9".to_owned(),
            ..approval()
        };
        let text = to_approve(&proposed).text;
        let first = "Healing proposes: restart db, restart 1 of 9.";
        assert_eq!(text.lines().next(), Some(first));
    }

    #[test]
    fn data_is_named_before_it_is_removed() {
        let question = to_remove("shop-0badcafe", &["db_data".to_owned(), "x".repeat(999)]);
        assert!(question.text.contains("shop-0badcafe"));
        assert!(question.text.contains("\n• db_data\n"), "{}", question.text);
        assert!(question.text.len() < 600);
    }

    #[test]
    fn only_its_own_button_is_a_yes() {
        assert!(is_yes(&MessageDialogResult::Ok, "Approve"));
        assert!(is_yes(
            &MessageDialogResult::Custom("Approve".into()),
            "Approve"
        ));
        for no in [
            MessageDialogResult::Cancel,
            MessageDialogResult::No,
            MessageDialogResult::Custom(CANCEL.into()),
        ] {
            assert!(!is_yes(&no, "Approve"), "{no:?}");
        }
    }
}
