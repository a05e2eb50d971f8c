//! What is done about a threat to a service besides telling it, as a home and a project say.

use model::{Escalation, ThreatKind, ThreatLevel};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done about which threats. Nothing but telling, unless it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalations {
    /// About those of a kind, however grave.
    pub kinds: BTreeMap<ThreatKind, Escalation>,
    /// About those of a level, where nothing is said of their kind.
    pub levels: BTreeMap<ThreatLevel, Escalation>,
}

impl Escalations {
    /// What it says of a threat.
    pub fn of(&self, kind: ThreatKind, level: ThreatLevel) -> Escalation {
        let of_kind = self.kinds.get(&kind);
        let said = of_kind.or_else(|| self.levels.get(&level));
        said.copied().unwrap_or_default()
    }
}
