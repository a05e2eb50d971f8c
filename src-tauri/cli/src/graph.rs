//! `graph`: what needs what, who was seen to talk to whom, and who suffers from whom.

use crate::args::{Graph, Place};
use crate::fail::Done;
use crate::place::Scene;
use crate::table::{Cell, cell, table};
use crate::terminal::{Paint, Terminal, note, plain, print};
use crate::text::{ago, now, rfc3339, state_paint};
use api::requests::PsRequest;
use api::views::{GraphNode, GraphView};
use model::{Declared, ObservedConnection, ServiceName, State, Timestamp};
use serde_json::{Value, json};

/// Columns that are left out of a narrow terminal, the first one first.
const SPARE: [&str; 2] = ["IMPACTED BY", "STATE"];

/// `azora graph`.
pub(crate) async fn graph(place: &Place, Graph { dot, mermaid, json }: Graph) -> Done {
    let scene = Scene::find(place).await?;
    let request = PsRequest {
        cluster: Some(scene.cluster.id.clone()),
        folder: None,
    };
    let view: GraphView = scene.client.call("graph", &request).await?;
    if json.json {
        print(&graph_json(&view).to_string())?;
    } else if dot {
        print(&as_dot(&view))?;
    } else if mermaid {
        print(&as_mermaid(&view))?;
    } else {
        people(&view)?;
    }
    scene.note_others();
    Ok(())
}

fn people(view: &GraphView) -> Done {
    let (terminal, now) = (Terminal::stdout(), now());
    let rows: Vec<Vec<Cell>> = view
        .services
        .iter()
        .map(|node| row(node, &view.connections, now))
        .collect();
    let headings = [
        "SERVICE",
        "STATE",
        "IMPACTED BY",
        "NEEDS",
        "SEEN TALKING TO",
    ];
    for line in table(&headings, &rows, &SPARE, terminal) {
        print(&line)?;
    }
    for advice in &view.advice {
        print(&terminal.paint(Paint::Warn, &plain(advice)))?;
    }
    if view.connections.is_empty() {
        note("no connections between its services were seen yet; short ones are missed");
    }
    Ok(())
}

fn row(node: &GraphNode, connections: &[ObservedConnection], now: Timestamp) -> Vec<Cell> {
    let or_dash = |text: String| match text.is_empty() {
        true => "-".to_owned(),
        false => text,
    };
    let needs = node.needs.iter().map(|need| match label(node, need) {
        Some(label) => format!("{need} ({label})"),
        None => need.to_string(),
    });
    let needs: Vec<String> = needs.collect();
    let seen: Vec<String> = connections
        .iter()
        .filter(|one| one.from == node.name)
        .map(|one| seen(one, now))
        .collect();
    let impacted = node.impacted_by.as_ref().map(ToString::to_string);
    vec![
        cell(node.name.to_string()),
        (node.state.to_string(), state_paint(node.state)),
        cell(or_dash(impacted.unwrap_or_default())),
        cell(or_dash(needs.join(", "))),
        (or_dash(seen.join("; ")), Paint::Faint),
    ]
}

/// "started", "ended, optional": what is said at the edge of a need that is no plain one.
fn label(node: &GraphNode, need: &ServiceName) -> Option<String> {
    node.terms.get(need).map(|terms| terms.label())
}

/// "db (port 5432, seen 40 times, last 3 s ago, not declared)".
fn seen(one: &ObservedConnection, now: Timestamp) -> String {
    let at: Vec<String> = one.at.iter().map(|at| plain(&at.to_string())).collect();
    let times = match one.seen {
        1 => "seen once".to_owned(),
        times => format!("seen {times} times"),
    };
    let declared = match one.declared {
        Declared::Need => "",
        Declared::Through => ", needed through others",
        Declared::Against => ", against its needs",
        Declared::No => ", not declared",
    };
    let (at, last) = (at.join(", "), ago(one.last, now));
    format!("{} ({at}, {times}, last {last}{declared})", one.to)
}

/// The shape other programs rely on.
fn graph_json(view: &GraphView) -> Value {
    let connections: Vec<Value> = view
        .connections
        .iter()
        .map(|one| {
            json!({
                "from": one.from,
                "to": one.to,
                "at": one.at,
                "seen": one.seen,
                "first": rfc3339(one.first),
                "last": rfc3339(one.last),
                "declared": one.declared,
            })
        })
        .collect();
    json!({
        "cluster": view.cluster.id,
        "services": view.services,
        "connections": connections,
        "advice": view.advice,
    })
}

/// The same for Graphviz: needs are solid, what was only seen is dashed, who suffers is filled.
fn as_dot(view: &GraphView) -> String {
    // Names of services hold nothing that has to be escaped.
    let node = |node: &GraphNode| match &node.impacted_by {
        Some(root) => format!(
            "  \"{}\" [style=filled fillcolor=\"#ffd591\" tooltip=\"impacted by {root}\"]\n",
            node.name
        ),
        None => format!("  \"{}\"\n", node.name),
    };
    let edge = |from: &ServiceName, to: &ServiceName, how: &str| {
        format!("  \"{from}\" -> \"{to}\"{how}\n")
    };
    let mut dot = "digraph needs {\n  rankdir=TB\n  node [shape=box]\n".to_owned();
    for service in &view.services {
        dot += &node(service);
        for need in &service.needs {
            let label = label(service, need);
            let label = label.map(|label| format!(" [label=\"{label}\"]"));
            dot += &edge(&service.name, need, &label.unwrap_or_default());
        }
    }
    for one in &view.connections {
        if one.declared != Declared::Need {
            dot += &edge(&one.from, &one.to, " [style=dashed]");
        }
    }
    dot + "}"
}

/// The same for Mermaid, grouped by category: needs are solid, what was only seen is dotted, who suffers or is
/// not well says so.
fn as_mermaid(view: &GraphView) -> String {
    let at = |name: &ServiceName| view.services.iter().position(|one| one.name == *name);
    let mut categories: Vec<&str> = Vec::new();
    for service in &view.services {
        if !categories.contains(&service.category.as_str()) {
            categories.push(&service.category);
        }
    }
    let mut lines = vec!["flowchart TB".to_owned()];
    for (nth, category) in categories.iter().enumerate() {
        lines.push(format!("  subgraph c{nth}[\"{}\"]", entities(category)));
        for (index, service) in view.services.iter().enumerate() {
            if service.category == *category {
                let name = entities(service.name.as_str());
                lines.push(format!("    s{index}[\"{name}{}\"]", trouble(service)));
            }
        }
        lines.push("  end".to_owned());
    }
    let mut edge = |from: &ServiceName, arrow: &str, to: &ServiceName| {
        if let (Some(from), Some(to)) = (at(from), at(to)) {
            lines.push(format!("  s{from} {arrow} s{to}"));
        }
    };
    for service in &view.services {
        for need in &service.needs {
            let label = label(service, need);
            let arrow = label.map(|label| format!("-->|{label}|"));
            edge(&service.name, arrow.as_deref().unwrap_or("-->"), need);
        }
    }
    for one in &view.connections {
        if one.declared != Declared::Need {
            edge(&one.from, "-.->", &one.to);
        }
    }
    lines.join("\n")
}

/// What is said of a service under its name; nothing of one that is well.
fn trouble(node: &GraphNode) -> String {
    match (&node.impacted_by, node.state) {
        (Some(root), _) => format!("<br/>impacted by {}", entities(root.as_str())),
        (None, State::Ready | State::Completed | State::Scheduled) => String::new(),
        (None, state) => format!("<br/>{state}"),
    }
}

/// Between quotes Mermaid reads entities, and nothing else as its own.
fn entities(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '&' | '"' | '<' | '>' | '#' | ';' | '`' | '\\' => format!("#{};", u32::from(letter)),
            letter => letter.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::views::ClusterLine;
    use model::{Endpoint, Overall, Terms, Until};
    use std::collections::BTreeMap;

    fn view() -> GraphView {
        let name = |text: &str| text.parse::<ServiceName>().unwrap();
        let node = |text: &str, needs: &[&str], impacted: Option<&str>| GraphNode {
            name: name(text),
            category: "services".to_owned(),
            state: State::Ready,
            needs: needs.iter().map(|need| name(need)).collect(),
            terms: BTreeMap::new(),
            impacted_by: impacted.map(name),
        };
        let connection = |to: &str, port, declared| ObservedConnection {
            from: name("api"),
            to: name(to),
            at: vec![Endpoint::Tcp { port }],
            seen: 40,
            first: Timestamp(0),
            last: Timestamp(60_000),
            declared,
        };
        GraphView {
            cluster: ClusterLine {
                id: "shop-00000000".parse().unwrap(),
                name: "shop".parse().unwrap(),
                folder: "/shop".to_owned(),
                overall: Overall::Operational,
                reason: String::new(),
                autonomy: Default::default(),
            },
            services: vec![
                node("api", &["db"], Some("redis")),
                node("db", &[], None),
                node("redis", &[], None),
            ],
            connections: vec![
                connection("db", 5432, Declared::Need),
                connection("redis", 6379, Declared::No),
            ],
            advice: Vec::new(),
        }
    }

    #[test]
    fn a_row_says_what_is_needed_and_what_was_seen() {
        let view = view();
        let row = row(&view.services[0], &view.connections, Timestamp(63_000));
        let cells: Vec<&str> = row.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(cells[..4], ["api", "ready", "redis", "db"]);
        assert!(
            cells[4].starts_with("db (port 5432, seen 40 times, last 3"),
            "{}",
            cells[4]
        );
        assert!(cells[4].ends_with("not declared)"), "{}", cells[4]);
    }

    #[test]
    fn what_is_only_seen_is_dashed() {
        let dot = as_dot(&view());
        assert!(dot.contains("\"api\" -> \"db\"\n"), "{dot}");
        assert!(
            dot.contains("\"api\" -> \"redis\" [style=dashed]\n"),
            "{dot}"
        );
        assert!(dot.contains("\"api\" [style=filled"), "{dot}");
        assert_eq!(dot.matches("->").count(), 2, "{dot}");
    }

    #[test]
    fn a_need_that_is_no_plain_one_says_what_is_waited_for() {
        let mut view = view();
        let db: ServiceName = "db".parse().unwrap();
        let terms = |until, required| Terms { until, required };
        let of = [
            (terms(Until::Started, true), "started"),
            (terms(Until::Ready, false), "optional"),
            (terms(Until::Ended, false), "ended, optional"),
        ];
        for (terms, label) in of {
            view.services[0].terms.insert(db.clone(), terms);
            let row = row(&view.services[0], &[], Timestamp(0));
            assert_eq!(row[3].0, format!("db ({label})"));
            let edge = format!("\"api\" -> \"db\" [label=\"{label}\"]\n");
            assert!(as_dot(&view).contains(&edge), "{}", as_dot(&view));
            let edge = format!("s0 -->|{label}| s1");
            assert!(as_mermaid(&view).contains(&edge), "{}", as_mermaid(&view));
        }
    }

    #[test]
    fn in_mermaid_what_is_only_seen_is_dotted_and_no_name_is_syntax() {
        let mut view = view();
        view.services[1].category = "a \"b\"".to_owned();
        view.services[1].state = State::Failing;
        let told = as_mermaid(&view);
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            [
                "flowchart TB",
                "  subgraph c0[\"services\"]",
                "    s0[\"api<br/>impacted by redis\"]",
                "    s2[\"redis\"]",
                "  end",
                "  subgraph c1[\"a #34;b#34;\"]",
                "    s1[\"db<br/>failing\"]",
                "  end",
                "  s0 --> s1",
                "  s0 -.-> s2",
            ]
        );
    }
}
