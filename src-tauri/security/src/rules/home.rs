//! What the home relies on: who is refused, the book of acts, the rules, and the parts.

use super::{About, Words};
use crate::facts::{Facts, Policy, Program, RefusedAt};
use crate::monitor::Memory;
use model::{LedgerIntegrity, Threat, ThreatKind as K, ThreatLevel as L};

/// So many requests refused within a minute are a burst: more than a page that was left open asks.
pub const BURST: u64 = 30;
/// So many wrong tokens within a minute: nobody mistypes one so often.
pub const GUESSES: u64 = 10;

/// Parts with a fault that is known: the first version without it, and what is wrong before.
const KNOWN_BAD: [(&str, [u64; 3], &str); 1] = [(
    "sqlite",
    [3, 51, 3],
    "a write-ahead log that is begun anew while another connection reads can lose what was written \
     (sqlite.org/wal.html, \"the WAL-reset bug\")",
)];

/// All of it.
pub(super) fn all(facts: &Facts, memory: &Memory, found: &mut Vec<Threat>) {
    refused(facts, memory, found);
    ledger(facts, found);
    policy(facts, found);
    engine(facts, found);
    parts(facts, found);
}

fn refused(facts: &Facts, memory: &Memory, found: &mut Vec<Threat>) {
    for (at, count) in memory.refused() {
        let (most, level, who, which) = match at {
            RefusedAt::Page => (
                BURST,
                L::Medium,
                "requests of other pages or by other names at the API",
                "page",
            ),
            RefusedAt::Token => (
                GUESSES,
                L::High,
                "requests with a wrong token at the API",
                "token",
            ),
            RefusedAt::Registry => (BURST, L::Medium, "requests at the registry", "registry"),
            RefusedAt::Gateway => (BURST, L::Medium, "requests at the gateway", "gateway"),
            RefusedAt::Door => (BURST, L::Medium, "acts at the door, by the rules", "door"),
        };
        if count < most {
            continue;
        }
        let words = Words {
            what: format!("{count} {who} were refused within a minute"),
            evidence: vec![format!("{most} and more are taken for no accident")],
            todo: match at {
                RefusedAt::Door => "see in `azora acts` who asked, and stop it".to_owned(),
                _ => {
                    "none of them was answered; find the program or the page that asks, and end it"
                        .to_owned()
                }
            },
        };
        let about = About::default();
        found.push(about.threat((K::RefusedBurst, level), which, facts.at, words));
    }
}

fn ledger(facts: &Facts, found: &mut Vec<Threat>) {
    if facts.ledger.integrity != LedgerIntegrity::Doubted {
        return;
    }
    let words = Words {
        what: "the book of acts is not what it was".to_owned(),
        evidence: facts.ledger.faults.clone(),
        todo: "keep a copy of the home as it is now, and compare it with a checkpoint that you kept elsewhere; trust \
               nothing in the book after the first fault"
            .to_owned(),
    };
    found.push(About::default().threat((K::LedgerDoubted, L::Critical), "", facts.at, words));
}

fn policy(facts: &Facts, found: &mut Vec<Threat>) {
    let Policy::Broken(why) = &facts.policy else {
        return;
    };
    let words = Words {
        what: "the rules of the home cannot be read".to_owned(),
        evidence: vec![why.clone()],
        todo: "mend constitution.cedar: `azora policy check` says where it is wrong".to_owned(),
    };
    found.push(About::default().threat((K::PolicyBroken, L::High), "", facts.at, words));
}

fn engine(facts: &Facts, found: &mut Vec<Threat>) {
    let (path, how) = match &facts.engine {
        Program::Replaced(path) => (path, "there is another one at"),
        Program::Deleted(path) => (path, "there is none any more at"),
        Program::Unknown | Program::Same(_) | Program::InMemory(_) => return,
    };
    let words = Words {
        what: "the engine that runs is not the one that is installed".to_owned(),
        evidence: vec![format!("{how} {path}")],
        todo: "end it with `azora shutdown --leave-running` and start it anew: services go on meanwhile".to_owned(),
    };
    found.push(About::default().threat((K::OtherPart, L::Low), "engine", facts.at, words));
}

fn parts(facts: &Facts, found: &mut Vec<Threat>) {
    for part in &facts.parts {
        let known = KNOWN_BAD.iter().filter(|(name, ..)| *name == part.name);
        for (name, good, why) in known {
            let [major, minor, patch] = good;
            if number(&part.version).is_none_or(|version| version >= *good) {
                continue;
            }
            let words = Words {
                what: format!("{name} {} is used, which has a known fault", part.version),
                evidence: vec![(*why).to_owned()],
                todo: format!(
                    "install a version of Azora with {name} {major}.{minor}.{patch} or later"
                ),
            };
            let about = About::default();
            found.push(about.threat((K::KnownBadPart, L::High), name, facts.at, words));
        }
    }
}

/// `3.51.3`; `None` of what is written otherwise.
fn number(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split('.').map(str::parse);
    let mut next = || parts.next().unwrap_or(Ok(0)).ok();
    Some([next()?, next()?, next()?])
}
