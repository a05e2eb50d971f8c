//! `filter=`: which of what is shown is answered, as Consul's clients say it:
//! `Service.Meta.version == "2" and not "old" in Service.Tags`.
//!
//! What a filter may speak of is known for each kind of answer, so that a slip is told and does not look like an
//! answer without entries. Regular expressions (`matches`) are not here.

mod grammar;
mod terms;

pub(super) use terms::{AGENT_SERVICE, CATALOG, CHECK, HEALTH, NODE, SERVICE, Terms};

use super::asked::quoted;
use super::{Answer, no};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::Value;
use terms::Kind;

/// Longest filter, in letters.
const LONGEST: usize = 4_096;
/// Parentheses and negations one in the other, at most.
const DEEPEST: usize = 64;

/// What is left of a list; all of it where no filter is said.
#[derive(Debug, Default)]
pub(super) struct Filter(Option<Expression>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Match(Match),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Match {
    /// Keys from the entry on.
    selector: Vec<String>,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// It is this.
    Is(String),
    /// This is in it: an item of a list, a key, a part of a text.
    Has(String),
    /// Nothing is in it.
    Empty,
    /// A regular expression, which is read to say that it is not there.
    Matches,
}

impl Filter {
    /// What an expression says about entries with these terms.
    pub(super) fn read(text: &str, terms: Terms) -> Answer<Self> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let wrong = |why: String| no(StatusCode::BAD_REQUEST, why);
        if text.chars().count() > LONGEST {
            return Err(wrong(format!("a filter has at most {LONGEST} letters")));
        }
        let expression = grammar::read(text).map_err(wrong)?;
        expression.check(terms)?;
        Ok(Self(Some(expression)))
    }

    /// An entry stays in the answer.
    pub(super) fn keeps(&self, shown: &impl Serialize) -> bool {
        let Some(expression) = &self.0 else {
            return true;
        };
        // What is shown always has a JSON form.
        serde_json::to_value(shown).is_ok_and(|shown| expression.holds(&shown))
    }
}

impl Expression {
    /// It speaks of what there is, and asks of it what can be asked.
    fn check(&self, terms: Terms) -> Answer<()> {
        match self {
            Expression::Any(all) | Expression::All(all) => {
                all.iter().try_for_each(|one| one.check(terms))
            }
            Expression::Not(one) => one.check(terms),
            Expression::Match(one) => one.check(terms),
        }
    }

    fn holds(&self, shown: &Value) -> bool {
        match self {
            Expression::Any(all) => all.iter().any(|one| one.holds(shown)),
            Expression::All(all) => all.iter().all(|one| one.holds(shown)),
            Expression::Not(one) => !one.holds(shown),
            Expression::Match(one) => one.holds(shown),
        }
    }
}

impl Match {
    fn check(&self, terms: Terms) -> Answer<()> {
        let wrong = |why: String| Err(no(StatusCode::BAD_REQUEST, why));
        let name = self.selector.join(".");
        let kind = match terms::find(terms, &self.selector) {
            Ok(kind) => kind,
            Err(known) => {
                let known = known.join(", ");
                return wrong(format!(
                    "the filter speaks of {}, which is not there; there are {known}",
                    quoted(&name)
                ));
            }
        };
        let fits = match &self.what {
            What::Matches => {
                let why =
                    "matches (regular expressions) is not there in filters; use ==, contains or in";
                return Err(no(StatusCode::NOT_IMPLEMENTED, why));
            }
            What::Is(value) => match kind {
                Kind::Text => true,
                Kind::Number => value.parse::<u64>().is_ok(),
                Kind::Flag => value.parse::<bool>().is_ok(),
                Kind::Texts | Kind::Named | Kind::Below(_) | Kind::NamedBelow(_) | Kind::List => {
                    false
                }
            },
            What::Has(_) => matches!(kind, Kind::Text | Kind::Texts | Kind::Named),
            What::Empty => !matches!(kind, Kind::Number | Kind::Flag | Kind::Below(_)),
        };
        match fits {
            true => Ok(()),
            false => wrong(format!(
                "the filter asks of {name} what cannot be asked: it is {}",
                kind.words()
            )),
        }
    }

    fn holds(&self, shown: &Value) -> bool {
        let mut found = Some(shown);
        for key in &self.selector {
            found = found.and_then(|value| value.get(key));
        }
        match &self.what {
            What::Is(wanted) => match found {
                Some(Value::String(text)) => text == wanted,
                Some(Value::Number(n)) => n.as_u64() == wanted.parse().ok(),
                Some(Value::Bool(flag)) => wanted.parse() == Ok(*flag),
                _ => false,
            },
            What::Has(wanted) => match found {
                Some(Value::String(text)) => text.contains(wanted),
                Some(Value::Array(items)) => {
                    let mut texts = items.iter().filter_map(Value::as_str);
                    texts.any(|text| text == wanted)
                }
                Some(Value::Object(members)) => members.contains_key(wanted),
                _ => false,
            },
            What::Empty => match found {
                Some(Value::String(text)) => text.is_empty(),
                Some(Value::Array(items)) => items.is_empty(),
                Some(Value::Object(members)) => members.is_empty(),
                _ => true,
            },
            What::Matches => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown() -> Value {
        json!({
            "Node": { "Node": "here", "Meta": {} },
            "Service": {
                "ID": "web-1", "Service": "web", "Tags": ["blue", "v2"], "Port": 8080,
                "Meta": { "version": "2", "my-key": "x y" }, "EnableTagOverride": false,
                "TaggedAddresses": { "lan": { "Address": "127.0.0.1", "Port": 8080 } },
                "Weights": { "Passing": 3, "Warning": 1 },
            },
            "Checks": [],
        })
    }

    #[test]
    fn what_holds_stays_and_what_does_not_goes() {
        for (text, stays) in [
            ("", true),
            (r#"Service.Service == "web""#, true),
            ("Service.Service==web", true),
            (r#"Service.Service != "web""#, false),
            ("Service.Service == `web`", true),
            ("Service.Port == 8080", true),
            (r#"Service.Port == "8081""#, false),
            ("Service.EnableTagOverride == false", true),
            (r#""blue" in Service.Tags"#, true),
            ("blue in Service.Tags", true),
            (r#""blu" in Service.Tags"#, false),
            (r#""blue" not in Service.Tags"#, false),
            (r#"Service.Tags contains "v2""#, true),
            (r#"Service.Tags not contains "v2""#, false),
            (r#"Service.ID contains "eb-""#, true),
            (r#"Service.Meta.version == "2""#, true),
            (r#"Service.Meta["my-key"] == "x y""#, true),
            (r#"Service.Meta.none == "2""#, false),
            (r#"Service.Meta.none != "2""#, true),
            (r#""version" in Service.Meta"#, true),
            (r#"Service.TaggedAddresses.lan.Port == 8080"#, true),
            ("Service.Weights.Passing == 3", true),
            ("Checks is empty", true),
            ("Checks is not empty", false),
            ("Service.Tags is empty", false),
            ("Node.Meta is empty and Service.Tags is not empty", true),
            // As everywhere: not before and before or.
            (
                "Service.Port == 1 and Service.Port == 1 or Service.Port == 8080",
                true,
            ),
            (
                "Service.Port == 8080 or Service.Port == 1 and Service.Port == 1",
                true,
            ),
            (
                "not Service.Port == 1 and not (Service.Port == 2 or Service.Port == 3)",
                true,
            ),
            ("(not (Service.Port == 8080))", false),
            ("  (  Service.Port  ==  8080  )  ", true),
        ] {
            let filter = Filter::read(text, HEALTH);
            let filter = filter.unwrap_or_else(|no| panic!("{text}: {no:?}"));
            assert_eq!(filter.keeps(&shown()), stays, "{text}");
        }
    }

    /// What is shown, but for the numbers of its changes, which no client knows before.
    fn shown_terms(shown: &impl Serialize) -> Vec<String> {
        let shown = serde_json::to_value(shown).unwrap();
        let keys = shown.as_object().unwrap().keys().cloned();
        let mut all: Vec<_> = keys.filter(|key| !key.ends_with("Index")).collect();
        all.sort();
        all
    }

    #[test]
    fn all_that_is_shown_can_be_filtered_by() {
        let view = model::view::RegistryView {
            name: "web".into(),
            id: "w1".into(),
            url: "http://127.0.0.1:80".into(),
            kept_by: model::view::KeptBy::Lease,
            cluster: None,
            cluster_name: None,
            instance: None,
            tags: vec![],
            version: None,
            category: None,
            health: model::view::Health::Passing,
            health_why: None,
            since: model::Timestamp(1),
            expires: None,
        };
        let listed = crate::Listed {
            view,
            wish: None,
            checks: vec![],
            create_index: 1,
            modify_index: 1,
        };
        let node = super::super::node::Node::of_test();
        let known = |terms: Terms| {
            let mut all: Vec<String> = terms.iter().map(|(name, _)| (*name).to_owned()).collect();
            all.sort();
            all
        };
        assert_eq!(shown_terms(&node.shown()), known(NODE));
        assert_eq!(shown_terms(&node.catalog(&listed)), known(CATALOG));
        assert_eq!(shown_terms(&node.health(&listed)), known(HEALTH));
        assert_eq!(shown_terms(&node.checks(&listed)[0]), known(CHECK));
        let service = super::super::seen::service(&listed);
        assert_eq!(shown_terms(&service), known(SERVICE));
        let of_agent = super::super::agent::of_agent(&listed);
        assert_eq!(shown_terms(&of_agent), known(AGENT_SERVICE));
    }

    /// Only what is read one in the other is bounded, and nothing that a client calls something.
    #[test]
    fn a_long_filter_is_not_a_deep_one() {
        let times = DEEPEST + 1;
        for text in [
            format!("Service.ID != {:?}", "(".repeat(times)),
            format!("Service.ID != {:?}", "not ".repeat(times)),
            format!("Service.ID != {}", "not-".repeat(times)),
            format!("Service.Meta.{} != 1", "not".repeat(times)),
            vec!["not (Service.Port == 1)"; times].join(" and "),
            vec!["x not in Service.Tags"; times].join(" and "),
            format!("{}Service.Port == 8080", "not ".repeat(DEEPEST)),
        ] {
            let filter = Filter::read(&text, HEALTH);
            let filter = filter.unwrap_or_else(|no| panic!("{text}: {no:?}"));
            assert!(filter.keeps(&shown()), "{text}");
        }
        for deep in ["not ", "(", "not (", "not("] {
            let text = format!("{}Service.Port == 1", deep.repeat(times));
            let no = Filter::read(&text, HEALTH).unwrap_err();
            assert!(no.why.contains("at most 64"), "{}", no.why);
        }
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_place() {
        let long = format!("{}Service.Port == 1", "(".repeat(10_000));
        for (text, status, words) in [
            (
                "Service.Port = 8080",
                400,
                "  Service.Port = 8080\n               ^",
            ),
            ("Service.Port ==", 400, "a value"),
            ("Service.Port == 1 and", 400, "expected"),
            ("(Service.Port == 1", 400, "`)`"),
            ("Service.Port == 1)", 400, "                   ^"),
            (r#"Service.ID == "web"#, 400, "quotation mark"),
            ("Service.Tags is full", 400, "empty"),
            ("\"blue\" is in Service.Tags", 400, "in"),
            (
                "Servcie.Port == 1",
                400,
                "\"Servcie.Port\", which is not there; there are Node, Service, Checks",
            ),
            ("Service.Prot == 1", 400, "there are ID, Service, Tags"),
            ("Service.Meta.a.b == 1", 400, "which is not there"),
            ("Service.Port == high", 400, "it is a number"),
            ("Service.Port is empty", 400, "it is a number"),
            ("Service.Tags == blue", 400, "it is a list"),
            ("Checks.Status == passing", 400, "which is not there"),
            (r#"Service.ID matches "^w""#, 501, "regular expressions"),
            (long.as_str(), 400, "at most 4096 letters"),
        ] {
            let no = Filter::read(text, HEALTH).unwrap_err();
            assert_eq!(no.status(), status, "{text:.60}: {no:?}");
            assert!(no.why.contains(words), "{text:.60}: {}", no.why);
        }
    }
}
