//! A file of rules, read strictly: every mistake with its place, and nothing of a file that has one.

use crate::annotation::{self, Approvals};
use crate::vocabulary::VOCABULARY;
use crate::{DEFAULT, split};
use cedar_policy::{
    Effect, Policy, PolicyId, PolicySet, ValidationMode, ValidationWarning, Validator,
};
use miette::Diagnostic;
use model::Verb;
use sha2::{Digest, Sha256};
use spec::{Diagnostics, Problem, Problems, Span, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of the file, in a home and beside a definition.
pub const FILE: &str = "constitution.cedar";

/// How large a file of rules may be.
pub mod limits {
    use std::time::Duration;

    /// Bytes of a file: 64 KiB.
    pub const MAX_BYTES: usize = 64 << 10;
    /// Rules of a file. All of them are looked at for every new question.
    pub const MAX_RULES: usize = 500;
    /// Words and signs of a rule: what looks at it recurses, and 500 names in a list are not a rule that is read.
    pub const MAX_TOKENS: usize = 500;
    /// Brackets inside each other.
    pub const MAX_DEPTH: usize = 32;
    /// Bytes of a rule's name.
    pub const MAX_ID: usize = 60;
    /// Characters of a rule's sentence.
    pub const MAX_SAYS: usize = 200;
    /// Approvals of one act.
    pub const MAX_APPROVALS: u32 = 9;
    /// The time in which an act may be approved.
    pub const MAX_WITHIN: Duration = Duration::from_secs(24 * 3_600);
}

/// What to do about a mistake that Cedar names and gives no remedy for.
const SEE: &str = "docs/policy.md says what rules can speak of, and shows some";

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) says: String,
    pub(crate) approvals: Option<Approvals>,
    pub(crate) project: bool,
    pub(crate) policy: Policy,
}

/// The rules of one file that is in order. Clones share them.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) text: Arc<str>,
}

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Home,
    Project,
}

impl Rules {
    /// Those that hold where a home has none of its own.
    pub fn built_in() -> Self {
        Self::of_home("the built-in constitution", DEFAULT.as_bytes())
            .expect("the constitution that is built in is in order: a test reads it")
    }

    /// Reads the rules of a home. `file` is how messages name it.
    ///
    /// # Errors
    /// Everything that is wrong with them, with places and remedies.
    pub fn of_home(file: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        read(file, bytes, Whose::Home)
    }

    /// Reads the rules that a project adds for its own cluster. They may only forbid.
    ///
    /// # Errors
    /// Everything that is wrong with them, with places and remedies.
    pub fn of_project(file: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        read(file, bytes, Whose::Project)
    }

    /// As they are written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many persons have to approve before a rule does not hold any more, for those that approvals lift.
    pub fn approvals(&self, id: &str) -> Option<u32> {
        let rule = self.rules.iter().find(|rule| rule.id == id)?;
        rule.approvals.map(|approvals| approvals.count)
    }

    /// Their names with what they say and whether they allow, in the order of the file.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.rules.iter().map(|rule| {
            let allows = rule.policy.effect() == Effect::Permit;
            (rule.id.as_str(), rule.says.as_str(), allows)
        })
    }
}

/// The first half of the SHA-256 of some rules' texts: enough to tell any two sets apart.
pub(crate) fn hash<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(text);
    }
    let half = hasher.finalize();
    half.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read(file: &str, bytes: &[u8], whose: Whose) -> Result<Rules, Diagnostics> {
    let mut problems = Problems::default();
    let text = match text(bytes, &mut problems) {
        Ok(text) => text,
        Err(shown) => return Err(problems.into_diagnostics(file, &shown)),
    };
    let rules = rules(text, whose, &mut problems);
    // Those that can be read are looked at although others cannot: one mistake hides no other.
    validate(text, &rules, &mut problems);
    if !problems.is_empty() {
        // There is nothing to point at among empty lines.
        let shown = if text.trim().is_empty() { "" } else { text };
        return Err(problems.into_diagnostics(file, shown));
    }
    Ok(Rules {
        rules: rules.into_iter().map(|(_, rule)| rule).collect(),
        text: text.into(),
    })
}

fn text<'b>(bytes: &'b [u8], problems: &mut Problems) -> Result<&'b str, String> {
    if bytes.len() > limits::MAX_BYTES {
        let shown = String::from_utf8_lossy(&bytes[..limits::MAX_BYTES]).into_owned();
        problems.add(|| {
            Problem::new(
                shown.len()..shown.len(),
                "the file of rules is larger than 64 KiB",
                "the first 64 KiB end here",
            )
            .help("rules are read by people: keep those that are needed")
        });
        return Err(shown);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let at = error.valid_up_to();
            problems.add(|| {
                Problem::new(at..at + 1, "the file is not UTF-8", "from here")
                    .help("save the file as UTF-8")
            });
            Err(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// Each rule with where it is.
fn rules(text: &str, whose: Whose, problems: &mut Problems) -> Vec<(Span, Rule)> {
    let split = split::rules(text);
    if let Some(over) = split.get(limits::MAX_RULES) {
        let first = annotation::first_line(&text[over.span.clone()], over.span.start);
        problems.add(|| {
            Problem::new(
                first,
                format!("there are {} rules", split.len()),
                format!("more than {} from here", limits::MAX_RULES),
            )
            .help("all rules are looked at for every question: join those that are alike")
        });
        return Vec::new();
    }
    if split.is_empty() && whose == Whose::Home {
        problems.add(|| {
            Problem::new(0..0, "there is no rule, so everything would be refused", "no rule")
                .help("delete the file to have the rules that are built in; `azora policy show --built-in` prints them")
        });
    }
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, split) in split.into_iter().enumerate() {
        let span = split.span;
        let rule = &text[span.clone()];
        if split.tokens > limits::MAX_TOKENS || split.depth > limits::MAX_DEPTH {
            problems.add(|| {
                Problem::new(
                    annotation::first_line(rule, span.start),
                    "the rule is too large",
                    format!("{} words and signs, {} brackets deep", split.tokens, split.depth),
                )
                .help(format!(
                    "at most {} words and signs, and {} brackets inside each other; make several of it",
                    limits::MAX_TOKENS,
                    limits::MAX_DEPTH
                ))
            });
            continue;
        }
        let policy = match Policy::parse(Some(PolicyId::new(index.to_string())), rule) {
            Ok(policy) => policy,
            Err(errors) => {
                for error in errors.iter() {
                    let (_, problem) = told(error, rule, span.start);
                    problems.add(|| problem);
                }
                continue;
            }
        };
        let first = annotation::first_line(rule, span.start);
        if whose == Whose::Project && policy.effect() == Effect::Permit {
            problems.add(|| {
                let at = rule.find("permit").map_or(first.clone(), |at| {
                    span.start + at..span.start + at + "permit".len()
                });
                Problem::new(
                    at,
                    "a project's rules may only forbid",
                    "this would allow something",
                )
                .help(format!(
                    "what is allowed on this machine is decided by {FILE} in the home; write a `forbid` here"
                ))
            });
        }
        let Some(read) = annotation::read(&policy, rule, span.start, problems) else {
            continue;
        };
        if let Some(earlier) = names.insert(read.id.clone(), first.clone()) {
            problems.add(|| {
                Problem::new(
                    first,
                    format!("there are two rules `{}`", read.id),
                    "the second",
                )
                .and(earlier, "the first")
                .help("give each rule a name of its own")
            });
        }
        let rule = Rule {
            id: read.id,
            says: read.says,
            approvals: read.approvals,
            project: whose == Whose::Project,
            policy,
        };
        found.push((span, rule));
    }
    found
}

/// Cedar's own look at the rules, at its strictest: what it warns of is a mistake here.
fn validate(text: &str, rules: &[(Span, Rule)], problems: &mut Problems) {
    let set = PolicySet::from_policies(rules.iter().map(|(_, rule)| rule.policy.clone()));
    let set = match set {
        Ok(set) => set,
        Err(error) => {
            problems.add(|| Problem::new(0..0, error.to_string(), "here").help(SEE));
            return;
        }
    };
    let validator = Validator::new(VOCABULARY.schema.clone());
    let result = validator.validate(&set, ValidationMode::Strict);
    let errors = result.validation_errors();
    let errors = errors.map(|error| (error.policy_id(), error as &dyn Diagnostic));
    let wrong = result.validation_errors();
    let wrong: BTreeSet<&PolicyId> = wrong.map(|error| error.policy_id()).collect();
    let warnings = result.validation_warnings().filter(|warning| {
        // A rule about what there is not applies to nothing and is never true as well: to say that besides
        // would hide what is to be mended.
        let follows = matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
        );
        !(follows && wrong.contains(warning.policy_id()))
    });
    let warnings = warnings.map(|warning| (warning.policy_id(), warning as &dyn Diagnostic));
    let mut all: Vec<(Span, Problem)> = errors
        .chain(warnings)
        .filter_map(|(id, mistake)| {
            let (span, _) = rules.iter().find(|(_, rule)| rule.policy.id() == id)?;
            Some(told(mistake, &text[span.clone()], span.start))
        })
        .collect();
    // One mistake is found for each act it could be about, in no order. It is told once.
    all.sort_by(|(a, one), (b, other)| {
        let place = (a.start, a.end).cmp(&(b.start, b.end));
        place.then_with(|| one.message().cmp(other.message()))
    });
    all.dedup_by(|(a, _), (b, _)| a == b);
    for (_, problem) in all {
        problems.add(|| problem);
    }
}

/// What Cedar says about a rule that begins at `at`, with its place in the file.
fn told(error: &dyn Diagnostic, rule: &str, at: usize) -> (Span, Problem) {
    let label = error.labels().and_then(|mut labels| labels.next());
    let (span, label) = match &label {
        Some(label) => {
            let from = at + label.offset();
            let said = label.label().unwrap_or("here").to_owned();
            (from..from + label.len().max(1), said)
        }
        None => (annotation::first_line(rule, at), "this rule".to_owned()),
    };
    let said = error.to_string();
    let said = unnumbered(&said).to_owned();
    let help = error
        .help()
        .map(|help| unnumbered(&help.to_string()).to_owned());
    let word = span.start.checked_sub(at).and_then(|from| rule.get(from..));
    let word = word
        .and_then(|rest| rest.get(..span.len()))
        .unwrap_or_default();
    let help = match help {
        Some(help) if help.starts_with("did you mean") => meant(word, &said),
        help => help,
    };
    let help = help.unwrap_or_else(|| SEE.to_owned());
    (span.clone(), Problem::new(span, said, label).help(help))
}

/// What Cedar says without its name for the rule, which is a number that nobody has given it.
fn unnumbered(said: &str) -> &str {
    let named = said.strip_prefix("for policy `");
    named
        .and_then(|rest| rest.split_once("`, "))
        .map_or(said, |(_, rest)| rest)
}

/// The word of the schema that may be meant. Cedar suggests the nearest, however far that is, and of several
/// that are as near any.
fn meant(word: &str, said: &str) -> Option<String> {
    const OTHERS: [&str; 14] = [
        "Home",
        "Cluster",
        "Service",
        "name",
        "cluster",
        "category",
        "protected",
        "via",
        "approvals",
        "take-load-away",
        "stop-services",
        "change-what-runs",
        "heal",
        "registry",
    ];
    let last = word.rsplit(['.', ':']).next().unwrap_or_default();
    if let Some(help) = of_services(last, said) {
        return Some(help);
    }
    let verbs = Verb::ALL.map(Verb::name);
    let whos = ["Person", "Healer", "Client", "Watch", "Agent"];
    let known = whos.into_iter().chain(OTHERS).chain(verbs);
    nearest(last.trim_matches('"'), known).map(|known| format!("did you mean `{known}`?"))
}

/// What to do where an attribute of a service is asked of something that has none.
fn of_services(attribute: &str, said: &str) -> Option<String> {
    let of_service = matches!(attribute, "protected" | "category" | "cluster");
    (of_service && said.contains("on entity type")).then(|| {
        format!("only a service has `{attribute}`: write `resource is Service` in the rule's head")
    })
}
