//! Findings of an instance: opened when a trend is seen, kept while it goes on, closed when it does not
//! or when the process it was about is no more. They say something and change nothing.

use crate::io::Look;
use crate::step::Step;
use healing::trend::Reach;
use model::{EventKind, Finding, FindingKind, InstanceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Looks in a row that do not see it any more, and it is over.
const MISSED: u8 = 2;

/// One kind of finding, and what sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    finding: Finding,
    /// How far back was looked where it is seen, in which words, and how often it was not since.
    by: BTreeMap<Reach, (String, u8)>,
}

/// The open findings of one instance.
pub(crate) type Findings = BTreeMap<FindingKind, Found>;

/// As they are shown.
pub(crate) fn shown(findings: &Findings) -> Vec<Finding> {
    findings
        .values()
        .map(|found| found.finding.clone())
        .collect()
}

impl Step<'_> {
    /// Measurements were looked at.
    pub(crate) fn looked(&mut self, looks: Vec<Look>) {
        for look in looks {
            self.look_at(look);
        }
    }

    fn look_at(&mut self, look: Look) {
        let Look {
            instance: id,
            generation,
            reach,
            looked,
            mut seen,
        } = look;
        let now = self.now.wall;
        let Some(instance) = self.cluster.instances.get_mut(&id) else {
            return;
        };
        // What was measured of an earlier process says nothing of this one.
        if instance.generation != generation {
            return;
        }
        let mut news = Vec::new();
        for kind in looked {
            let text = seen.remove(&kind);
            match (instance.findings.get_mut(&kind), text) {
                (None, None) => {}
                (None, Some(text)) => {
                    let finding = Finding {
                        instance: id.clone(),
                        kind,
                        text: text.clone(),
                        opened: now,
                        updated: now,
                        closed: None,
                    };
                    news.push(finding.clone());
                    let by = [(reach, (text, 0))].into();
                    instance.findings.insert(kind, Found { finding, by });
                }
                (Some(found), text) => {
                    found.seen_again(reach, text);
                    match found.by.values().next() {
                        // The shortest look is the most urgent one.
                        Some((text, _)) => {
                            found.finding.text.clone_from(text);
                            found.finding.updated = now;
                        }
                        None => {
                            let mut finding = found.finding.clone();
                            finding.closed = Some(now);
                            news.push(finding);
                            instance.findings.remove(&kind);
                        }
                    }
                    self.out.changed.insert(id.clone());
                }
            }
        }
        if !news.is_empty() {
            self.out.changed.insert(id);
        }
        let news = news.into_iter();
        let facts = news.map(|finding| EventKind::Finding { finding });
        self.out.facts.extend(facts);
    }

    /// A process is replaced: what was found about it is over. How often that happens is not about one.
    pub(crate) fn end_findings(&mut self, id: &InstanceId) {
        let now = self.now.wall;
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let over = instance
            .findings
            .extract_if(.., |kind, _| *kind != FindingKind::RestartsOften);
        for (_, Found { mut finding, .. }) in over {
            finding.closed = Some(now);
            self.out.facts.push(EventKind::Finding { finding });
            self.out.changed.insert(id.clone());
        }
    }
}

impl Found {
    fn seen_again(&mut self, reach: Reach, text: Option<String>) {
        if let Some(text) = text {
            self.by.insert(reach, (text, 0));
            return;
        }
        if let Some((_, missed)) = self.by.get_mut(&reach) {
            *missed = missed.saturating_add(1);
            if *missed >= MISSED {
                self.by.remove(&reach);
            }
        }
    }
}
