//! `who`: who has a port. It needs no engine and never touches whom it names.

use crate::args::{Place, Who};
use crate::fail::{Done, Fail};
use crate::place::layout;
use crate::terminal::{Paint, Terminal, plain, print};
use crate::text::{ago, clock, now, with_times};
use model::who::{HolderView, PortView, Safe, StackView};
use model::{ActorKind, Origin, Timestamp, Verb};
use serde_json::json;

/// `azora who`.
pub(crate) fn who(place: &Place, arguments: &Who) -> Done {
    let port = port(&arguments.port)?;
    let view = engine::who(&layout(place)?, port);
    if arguments.json.json {
        print(&with_times(json!(view)).to_string())?;
    } else {
        let terminal = Terminal::stdout();
        for line in lines(&view, now(), terminal) {
            print(&line)?;
        }
    }
    match view.holders.is_empty() {
        true if arguments.json.json => Err(Fail::absent("")),
        true => Err(Fail::absent(format!("nobody has port {port}: it is free"))),
        false => Ok(()),
    }
}

/// Reads `3000`, `:3000` or `localhost:3000`.
fn port(word: &str) -> Done<u16> {
    let unclear = || {
        Fail::usage(format!(
            "{:?} is not a port; write 3000 or :3000",
            plain(word)
        ))
    };
    let number = match word.rsplit_once(':') {
        Some((host, number)) => {
            let here = [
                "",
                "localhost",
                "127.0.0.1",
                "[::1]",
                "0.0.0.0",
                "[::]",
                "*",
            ];
            if !here.contains(&host.trim_start_matches("http://")) {
                return Err(Fail::usage(format!(
                    "{:?} is another machine; `who` looks at this one",
                    plain(word)
                )));
            }
            number.trim_end_matches('/')
        }
        None => word,
    };
    match number.parse() {
        Ok(0) | Err(_) => Err(unclear()),
        Ok(port) => Ok(port),
    }
}

fn lines(view: &PortView, now: Timestamp, terminal: Terminal) -> Vec<String> {
    let mut lines = Vec::new();
    for holder in &view.holders {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let head = format!("port {} {}", view.port, head(holder));
        lines.push(terminal.paint(Paint::Strong, &head));
        for (name, value) in facts(holder, now) {
            lines.push(format!("  {name:<10}{}", plain(&value)));
        }
        let (word, paint) = match holder.safe {
            Safe::Yes => ("yes", Paint::Good),
            Safe::Look => ("look first", Paint::Warn),
            Safe::No => ("no", Paint::Bad),
        };
        lines.push(format!(
            "  {:<10}{}: {}",
            "stop it?",
            terminal.paint(paint, word),
            plain(&holder.advice)
        ));
    }
    lines
}

fn head(holder: &HolderView) -> String {
    let verb = if holder.addresses.is_empty() && holder.pid.is_none() {
        "is reserved for"
    } else {
        "is held by"
    };
    let who = match (&holder.stack, &holder.engine_of, &holder.command) {
        (Some(stack), _, _) => format!("{} of {}", stack.instance, stack.cluster),
        (None, Some(home), _) => format!("the engine of the home {home}"),
        (None, None, Some(command)) => plain(command),
        (None, None, None) => "a process that cannot be seen from here".to_owned(),
    };
    format!("{verb} {who}")
}

fn facts(holder: &HolderView, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if !holder.addresses.is_empty() {
        facts.push(("address", holder.addresses.join(", ")));
    }
    if let (Some(pid), Some(command)) = (holder.pid, &holder.command) {
        facts.push(("process", format!("pid {pid}: {command}")));
    }
    facts.extend(holder.user.clone().map(|user| ("user", user)));
    if let Some(since) = holder.since {
        facts.push((
            "since",
            format!("{} ({} ago)", clock(since), ago(since, now)),
        ));
    }
    if !holder.parents.is_empty() {
        let chain: Vec<String> = holder
            .parents
            .iter()
            .map(|parent| format!("{} ({})", parent.name, parent.pid))
            .collect();
        facts.push(("parents", chain.join(" < ")));
    }
    facts.extend(holder.unit.clone().map(|unit| ("unit", unit)));
    facts.extend(holder.container.clone().map(|inside| ("container", inside)));
    if let Some(stack) = &holder.stack {
        facts.extend(of_stack(stack, now));
    }
    facts
}

fn of_stack(stack: &StackView, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(generation) = stack.generation {
        facts.push(("start", format!("number {generation}")));
    }
    if let Some(origin) = &stack.origin {
        facts.push(("wanted by", wanted_by(origin, now)));
    }
    facts.extend(stack.folder.clone().map(|folder| ("folder", folder)));
    let home = match stack.here {
        true => stack.home.clone(),
        false => format!("{} (another home than this one)", stack.home),
    };
    facts.push(("home", home));
    if stack.protected {
        facts.push(("protected", "only a person may stop it".to_owned()));
    }
    facts
}

/// "me, by `up` through cli, 2 h 10 m ago".
pub(crate) fn wanted_by(origin: &Origin, now: Timestamp) -> String {
    let who = match origin.actor.kind {
        ActorKind::Person => origin.user.clone(),
        ActorKind::Agent => format!("a program for {}", origin.user),
        ActorKind::Client => format!("a program of {}", origin.user),
        ActorKind::Healer | ActorKind::Watch | ActorKind::Monitor => "Azora".to_owned(),
    };
    let verb = verb(origin.verb);
    let (via, age) = (origin.actor.called(), ago(origin.at, now));
    format!("{who}, by `{verb}` through {via}, {age} ago")
}

/// The verb as it is typed.
fn verb(verb: Verb) -> String {
    let text = serde_json::to_value(verb).unwrap_or_default();
    text.as_str().unwrap_or("act").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::who::ParentView;
    use model::{ActId, Actor, Generation};

    const NOW: Timestamp = Timestamp(1_763_820_000_000);

    fn stranger() -> HolderView {
        HolderView {
            addresses: vec!["127.0.0.1".into(), "::1".into()],
            pid: Some(4711),
            command: Some("node \x1b[2Jserver.js".into()),
            user: Some("me".into()),
            since: Some(Timestamp(NOW.0 - 7_800_000)),
            parents: vec![ParentView {
                pid: 4000,
                name: "zsh".into(),
            }],
            unit: None,
            container: None,
            stack: None,
            engine_of: None,
            safe: Safe::Look,
            advice: "it is yours".into(),
        }
    }

    const PIPE: Terminal = Terminal {
        live: false,
        colour: false,
        columns: None,
        rows: 24,
    };

    fn told(holder: HolderView) -> String {
        let view = PortView {
            port: 3000,
            holders: vec![holder],
        };
        lines(&view, NOW, PIPE).join("\n")
    }

    #[test]
    fn a_port_is_written_in_the_ways_people_write_it() {
        for word in [
            "3000",
            ":3000",
            "localhost:3000",
            "http://127.0.0.1:3000/",
            "[::1]:3000",
        ] {
            assert_eq!(port(word).unwrap(), 3000, "{word}");
        }
        for word in [
            "",
            ":",
            "0",
            "70000",
            "web",
            "-1",
            "example.com:3000",
            "3000:x",
        ] {
            assert!(port(word).is_err(), "{word}");
        }
        assert!(
            port("example.com:3000")
                .unwrap_err()
                .message
                .contains("another machine")
        );
    }

    #[test]
    fn a_stranger_is_told_with_all_that_is_known() {
        let text = told(stranger());
        assert!(
            text.starts_with("port 3000 is held by node \\x1b[2Jserver.js"),
            "{text}"
        );
        for part in [
            "address   127.0.0.1, ::1",
            "process   pid 4711: node \\x1b[2Jserver.js",
            "user      me",
            "(2 h 10 m ago)",
            "parents   zsh (4000)",
            "stop it?  look first: it is yours",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn a_service_is_told_with_who_wanted_it() {
        let text = told(HolderView {
            stack: Some(StackView {
                home: "/h".into(),
                here: false,
                cluster: "shop-0123abcd".parse().unwrap(),
                folder: Some("/w/shop".into()),
                instance: "api.1".parse().unwrap(),
                generation: Some(Generation(3)),
                protected: true,
                needed_by: vec![],
                origin: Some(Origin {
                    actor: Actor::person("window"),
                    user: "me".into(),
                    verb: Verb::Up,
                    act: ActId(7),
                    at: Timestamp(NOW.0 - 60_000),
                }),
            }),
            safe: Safe::No,
            ..stranger()
        });
        for part in [
            "port 3000 is held by api.1 of shop-0123abcd",
            "start     number 3",
            "wanted by me, by `up` through window, 1 m 00 s ago",
            "folder    /w/shop",
            "home      /h (another home than this one)",
            "protected only a person may stop it",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn one_that_cannot_be_seen_and_one_that_is_only_reserved_are_told_apart() {
        let unseen = HolderView {
            pid: None,
            command: None,
            ..stranger()
        };
        assert!(told(unseen.clone()).contains("held by a process that cannot be seen"));
        let reserved = HolderView {
            addresses: vec![],
            ..unseen
        };
        assert!(told(reserved).contains("is reserved for"));
    }
}
