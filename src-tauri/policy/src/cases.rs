//! Cases that rules are held to: a table in a file, `azora policy test`.

use crate::{Decision, Policies, Question, Subject, Verdict, Who};
use model::{ClusterId, ServiceName, Verb};
use serde::Deserialize;
use spec::{Diagnostics, Problem, Problems, nearest, quoted};
use toml::Spanned;

/// Cases of a file.
const MAX_CASES: usize = 10_000;
/// Bytes of a file of cases: 1 MiB.
pub const MAX_BYTES: usize = 1 << 20;

/// What is expected of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is allowed.
    Allowed,
    /// It is refused.
    Refused,
    /// It needs an approval.
    NeedsApproval,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its line in its file, from 1.
    pub line: usize,
    who: Who,
    via: String,
    verb: Verb,
    approvals: u32,
    cluster: Option<ClusterId>,
    service: Option<ServiceName>,
    category: String,
    protected: bool,
    expected: Expected,
    rule: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Spanned<Written>>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    who: Spanned<String>,
    via: Option<String>,
    verb: Spanned<String>,
    #[serde(default)]
    approvals: u32,
    cluster: Option<Spanned<String>>,
    service: Option<Spanned<String>>,
    #[serde(default)]
    category: String,
    #[serde(default)]
    protected: bool,
    expect: Spanned<String>,
    rule: Option<String>,
}

impl Expected {
    const ALL: [Expected; 3] = [
        Expected::Allowed,
        Expected::Refused,
        Expected::NeedsApproval,
    ];

    /// As it is written: "needs-approval".
    pub fn name(self) -> &'static str {
        match self {
            Expected::Allowed => "allowed",
            Expected::Refused => "refused",
            Expected::NeedsApproval => "needs-approval",
        }
    }
}

impl From<Verdict> for Expected {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allowed => Expected::Allowed,
            Verdict::Refused => Expected::Refused,
            Verdict::NeedsApproval { .. } => Expected::NeedsApproval,
        }
    }
}

/// Reads a table of cases. `file` is how messages name it.
///
/// # Errors
/// Everything that is wrong with it, with places and remedies.
pub fn cases(file: &str, bytes: &[u8]) -> Result<Vec<Case>, Diagnostics> {
    let mut problems = Problems::default();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BYTES)]).into_owned();
    let no_text = std::str::from_utf8(bytes).err();
    let wrong = match no_text.map(|error| error.valid_up_to()) {
        _ if bytes.len() > MAX_BYTES => {
            let end = shown.len();
            let label = "the first MiB ends here";
            Some((end..end, "the table of cases is larger than 1 MiB", label))
        }
        Some(at) => Some((at..at + 1, "the table of cases is not UTF-8", "from here")),
        None => None,
    };
    if let Some((at, wrong, label)) = wrong {
        problems.add(|| {
            Problem::new(at, wrong, label)
                .help("name a file with [[case]] tables; docs/policy.md shows one")
        });
        return Err(problems.into_diagnostics(file, &shown));
    }
    let mut found = Vec::new();
    match toml::from_str::<File>(&shown) {
        Ok(read) if read.case.is_empty() => problems.add(|| {
            Problem::new(0..1, "there is no case", "no [[case]]")
                .help("a case is written [[case]] and below it who, verb and expect")
        }),
        Ok(read) if read.case.len() > MAX_CASES => problems.add(|| {
            let over = read.case[MAX_CASES].span();
            Problem::new(
                over,
                format!("there are more than {MAX_CASES} cases"),
                "from here",
            )
            .help("put them into several files")
        }),
        Ok(read) => {
            for written in read.case {
                let line = shown[..written.span().start].matches('\n').count() + 1;
                found.extend(case(line, written.into_inner(), &mut problems));
            }
        }
        Err(error) => problems.add(|| {
            let span = error.span().unwrap_or(0..1);
            Problem::new(span, error.message().to_owned(), "here").help(
                "a case has who, verb and expect, and may have via, cluster, service, category, \
                 protected, approvals and rule",
            )
        }),
    }
    match problems.is_empty() {
        true => Ok(found),
        false => {
            // There is nothing to point at among empty lines.
            let shown = if shown.trim().is_empty() { "" } else { &shown };
            Err(problems.into_diagnostics(file, shown))
        }
    }
}

fn case(line: usize, written: Written, problems: &mut Problems) -> Option<Case> {
    let who = one_of(&written.who, &Who::ALL, Who::name, "one who acts", problems);
    let verb = one_of(&written.verb, &Verb::ALL, Verb::name, "an act", problems);
    let all = &Expected::ALL;
    let expected = one_of(&written.expect, all, Expected::name, "an outcome", problems);
    let service = name::<ServiceName>(written.service.as_ref(), problems);
    let cluster = name::<ClusterId>(written.cluster.as_ref(), problems);
    let who = who?;
    Some(Case {
        line,
        via: written.via.unwrap_or_else(|| who.usual_via().to_owned()),
        who,
        verb: verb?,
        approvals: written.approvals,
        cluster,
        service,
        category: written.category,
        protected: written.protected,
        expected: expected?,
        rule: written.rule,
    })
}

fn one_of<T: Copy>(
    written: &Spanned<String>,
    all: &[T],
    named: fn(T) -> &'static str,
    what: &str,
    problems: &mut Problems,
) -> Option<T> {
    let word = written.get_ref();
    let found = all.iter().copied().find(|one| named(*one) == word);
    if found.is_none() {
        problems.add(|| {
            let names: Vec<_> = all.iter().map(|one| named(*one)).collect();
            let meant = nearest(word, names.iter().copied());
            let help = match meant {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("there are {}", names.join(", ")),
            };
            Problem::new(
                written.span(),
                format!("{} is not {what}", quoted(word)),
                "not known",
            )
            .help(help)
        });
    }
    found
}

fn name<T: std::str::FromStr>(
    written: Option<&Spanned<String>>,
    problems: &mut Problems,
) -> Option<T> {
    let written = written?;
    let read = written.get_ref().parse().ok();
    if read.is_none() {
        problems.add(|| {
            let said = format!("{} is not a name", quoted(written.get_ref()));
            Problem::new(written.span(), said, "not a name")
                .help("a name has small letters, digits and dashes")
        });
    }
    read
}

impl Case {
    /// What is asked, in words: "agent stop service db".
    pub fn told(&self) -> String {
        let subject = match (&self.service, &self.cluster) {
            (Some(service), _) => format!("service {service}"),
            (None, Some(cluster)) => format!("cluster {cluster}"),
            (None, None) => "the home".to_owned(),
        };
        format!("{} {} {subject}", self.who.name(), self.verb.name())
    }

    /// What is expected.
    pub fn expected(&self) -> Expected {
        self.expected
    }

    /// What is decided. A case without a cluster, or with one that `project` does not tell apart, is of the
    /// project's.
    pub fn decide(&self, policies: &Policies, project: &ClusterId) -> Decision {
        let cluster = self.cluster.as_ref().unwrap_or(project);
        let subject = match (&self.service, &self.cluster) {
            (Some(service), _) => Subject::Service {
                cluster: project,
                cluster_name: cluster.as_str(),
                name: service.as_str(),
                category: &self.category,
                protected: self.protected,
            },
            (None, Some(cluster)) => Subject::Cluster {
                id: project,
                name: cluster.as_str(),
            },
            (None, None) => Subject::Home,
        };
        policies.work_out(&Question {
            who: self.who,
            via: &self.via,
            verb: self.verb,
            subject,
            approvals: self.approvals,
        })
    }

    /// Why it is not as expected, if so.
    pub fn failure(&self, decision: &Decision) -> Option<String> {
        let got = Expected::from(decision.verdict);
        if got != self.expected {
            let (wanted, got) = (self.expected.name(), got.name());
            return Some(format!(
                "expected {wanted}, and it is {got}: {}",
                decision.why()
            ));
        }
        let wanted = self.rule.as_deref()?;
        let decided = decision.rules().iter().any(|rule| rule.id == wanted);
        (!decided).then(|| {
            format!(
                "expected the rule {wanted} to decide, and it is: {}",
                decision.why()
            )
        })
    }
}
