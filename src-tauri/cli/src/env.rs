//! `azora env`: what an instance really got for an environment, and what it would get now.

use crate::args::{Env, Place};
use crate::fail::{Done, Fail};
use crate::place::Scene;
use crate::terminal::{Paint, Terminal, note, plain, print, print_as_it_is};
use crate::whom::instances;
use api::requests::EnvRequest;
use model::view::{EnvView, VariableView};
use serde_json::json;

/// `azora env`.
pub(crate) async fn env(place: &Place, arguments: &Env) -> Done {
    let scene = Scene::find(place).await?;
    let all = scene.ps().await?.instances;
    let named = std::slice::from_ref(&arguments.service);
    let wanted = instances(&scene.cluster.id, &all, named)?;
    // Of several replicas the first stands for all; `api.1` names another.
    let Some(instance) = wanted.into_iter().next() else {
        return Err(Fail::absent(format!(
            "{} has no instance",
            arguments.service
        )));
    };
    let (client, id) = (&scene.client, &scene.cluster.id);
    let reveal = match arguments.reveal {
        true => {
            let services = vec![instance.service.clone()];
            Some(crate::reveal::key(client, id, services, arguments.reason.clone()).await?)
        }
        false => None,
    };
    let revealed = reveal.is_some();
    let print = |line: &str| match revealed {
        true => print_as_it_is(line),
        false => print(line),
    };
    let request = EnvRequest {
        cluster: id.clone(),
        instance,
        reveal,
    };
    let view: EnvView = scene.client.call("env", &request).await?;
    if arguments.json.json {
        return Ok(print(&json!(view).to_string())?);
    }
    let terminal = Terminal::stdout();
    for variable in &view.variables {
        for line in lines(variable, terminal) {
            print(&line)?;
        }
    }
    note(&summary(&view));
    Ok(())
}

/// A variable as it is, and below it what it would be now.
fn lines(variable: &VariableView, terminal: Terminal) -> Vec<String> {
    let name = plain(&variable.name);
    let from = |from: &str| terminal.paint(Paint::Faint, &format!("  # {}", plain(from)));
    let mut lines = Vec::new();
    if let Some(value) = &variable.value {
        let line = format!("{name}={}", plain(value));
        lines.push(format!("{line}{}", from(&variable.from)));
    }
    if let Some(now) = &variable.now {
        let line = match (&now.value, &variable.value) {
            (Some(value), Some(_)) => format!("  now: {name}={}", plain(value)),
            (Some(value), None) => format!("  new: {name}={}", plain(value)),
            (None, _) => format!("  now: {name} is not set"),
        };
        let origin = match now.from.is_empty() {
            true => String::new(),
            false => from(&now.from),
        };
        lines.push(format!("{}{origin}", terminal.paint(Paint::Warn, &line)));
    }
    lines
}

fn summary(view: &EnvView) -> String {
    let runs = match view.running {
        true => "runs with",
        false => "last started with",
    };
    let mut text = format!(
        "\n{} {runs} {} variables (start {})",
        view.instance,
        view.variables
            .iter()
            .filter(|one| one.value.is_some())
            .count(),
        view.generation
    );
    text.push_str(&match view.differs {
        0 => "; it would get the same now".to_owned(),
        1 => "; 1 would be different now: restart to apply".to_owned(),
        many => format!("; {many} would be different now: restart to apply"),
    });
    if let Some(problem) = &view.problem {
        text.push_str(&format!(
            "\nthe definition as it is now cannot be used ({}); compared with the one it runs on",
            plain(problem)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::view::NowView;

    fn variable(value: Option<&str>, now: Option<Option<&str>>) -> VariableView {
        VariableView {
            name: "A".into(),
            value: value.map(str::to_owned),
            secret: false,
            from: ".env:3".into(),
            now: now.map(|value| NowView {
                value: value.map(str::to_owned),
                from: value.map(|_| ".env:4".to_owned()).unwrap_or_default(),
            }),
        }
    }

    #[test]
    fn what_would_be_different_stands_below_what_is() {
        let terminal = Terminal {
            colour: false,
            live: false,
            columns: None,
            rows: 24,
        };
        let shown = |variable| lines(&variable, terminal).join("\n");
        assert_eq!(shown(variable(Some("1"), None)), "A=1  # .env:3");
        assert_eq!(
            shown(variable(Some("1"), Some(Some("2")))),
            "A=1  # .env:3\n  now: A=2  # .env:4"
        );
        assert_eq!(
            shown(variable(Some("1"), Some(None))),
            "A=1  # .env:3\n  now: A is not set"
        );
        assert_eq!(
            shown(variable(None, Some(Some("2")))),
            "  new: A=2  # .env:4"
        );
        assert!(!shown(variable(Some("\x1b[2J"), None)).contains('\x1b'));
    }
}
