//! Restarts that the engine's end cuts short: what is to be known of them, and how the next engine
//! goes on.
//!
//! A process is named by its generation. So what is written down may be late by a moment: one that
//! was replaced since has another generation and is left alone, and no restart is done twice.

use crate::cluster::Cluster;
use crate::hold::Holds;
use crate::instance::{Cycle, Life, Outdated};
use crate::rollback::AllVersions;
use crate::rolling::Rolling;
use crate::scale::AllGrown;
use crate::schedule::AllSchedules;
use crate::step::Step;
use model::{ActId, Autonomy, EventKind, ExitStatus, Generation, InstanceId, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is under way and not done: for the engine to write down, and to give to
/// [`Cluster::remember`] when it adopts.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Unfinished {
    /// Rolling restarts.
    rolling: BTreeMap<ServiceName, Turns>,
    /// Processes in whose place another is wanted.
    old: BTreeMap<InstanceId, Old>,
    /// What people hold.
    #[serde(default)]
    holds: Holds,
    /// What services ran on before.
    #[serde(default)]
    versions: AllVersions,
    /// What healing has added.
    #[serde(default)]
    grown: AllGrown,
    /// When oneshots run next, and what of that is under way.
    #[serde(default)]
    schedules: AllSchedules,
    /// How far healing goes by itself, where a person has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    autonomy: Option<Autonomy>,
}

impl std::fmt::Debug for Unfinished {
    /// What few clusters have is shown where there is some.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Unfinished");
        shown.field("rolling", &self.rolling);
        shown.field("old", &self.old);
        shown.field("holds", &self.holds);
        shown.field("versions", &self.versions);
        if self.grown != AllGrown::default() {
            shown.field("grown", &self.grown);
        }
        if !self.schedules.is_empty() {
            shown.field("schedules", &self.schedules);
        }
        if let Some(autonomy) = self.autonomy {
            shown.field("autonomy", &autonomy);
        }
        shown.finish()
    }
}

impl Unfinished {
    pub(crate) fn take_holds(&mut self) -> Holds {
        std::mem::take(&mut self.holds)
    }

    pub(crate) fn take_autonomy(&mut self) -> Option<Autonomy> {
        self.autonomy.take()
    }

    pub(crate) fn take_versions(&mut self) -> AllVersions {
        std::mem::take(&mut self.versions)
    }

    pub(crate) fn take_grown(&mut self) -> AllGrown {
        std::mem::take(&mut self.grown)
    }

    pub(crate) fn take_schedules(&mut self) -> AllSchedules {
        std::mem::take(&mut self.schedules)
    }
}

/// A rolling restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Turns {
    /// Why, for the reason people read.
    why: String,
    /// How many it began with.
    of: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Old {
    generation: Generation,
    outdated: Outdated,
    /// Why it is being replaced; `None` while it waits for its turn, or for the next `up`.
    why: Option<String>,
}

impl Cluster {
    /// What the next engine would have to go on with.
    pub fn unfinished(&self) -> Unfinished {
        let rolling = self.rolling.iter().filter_map(|name| {
            let rolling = self.services.get(name)?.rolling.as_ref()?;
            let (why, of) = (rolling.why.clone(), rolling.of);
            Some((name.clone(), Turns { why, of }))
        });
        let old = self.instances.iter().filter_map(|(id, instance)| {
            let (generation, why) = match (&instance.replaces, instance.outdated) {
                (Some((generation, why)), _) => (*generation, Some(why.clone())),
                (None, Some(_)) => (instance.generation, None),
                (None, None) => return None,
            };
            let old = Old {
                generation,
                outdated: instance.outdated.unwrap_or(Outdated::Restart),
                why,
            };
            Some((id.clone(), old))
        });
        Unfinished {
            rolling: rolling.collect(),
            old: old.collect(),
            holds: self.all_holds(),
            versions: self.all_versions(),
            grown: self.all_grown(),
            schedules: self.schedules.clone(),
            autonomy: self.said_autonomy,
        }
    }
}

impl Step<'_> {
    /// Goes on with what an earlier engine left unfinished. Answers those of which it had ended the
    /// process, which is no fault.
    pub(crate) fn take_up(
        &mut self,
        ended: &BTreeMap<InstanceId, ExitStatus>,
        act: ActId,
    ) -> BTreeSet<InstanceId> {
        let Unfinished { rolling, old, .. } = std::mem::take(&mut self.cluster.unfinished);
        let rolls = |step: &Self, name: &ServiceName| {
            let service = step.cluster.services.get(name);
            rolling.contains_key(name) && service.is_some_and(|s| s.wanted && !s.leaving)
        };
        let mut told_to_end = BTreeSet::new();
        let mut resumed: BTreeMap<ServiceName, Resumed> = BTreeMap::new();
        for (id, old) in old {
            let rolls = rolls(self, &id.service) && self.cluster.can_roll(&id.service);
            let Some(instance) = self.cluster.instances.get_mut(&id) else {
                continue;
            };
            if instance.generation != old.generation {
                continue;
            }
            if instance.life == Life::Gone {
                if ended.contains_key(&id) && (rolls || old.why.is_some()) {
                    told_to_end.insert(id);
                }
                continue;
            }
            if rolls {
                instance.outdated = Some(old.outdated);
                let resumed = resumed.entry(id.service.clone()).or_default();
                match old.why {
                    Some(why) => resumed.out.push((id, why)),
                    None => _ = resumed.left.insert(id),
                }
            } else if let Some(why) = old.why {
                self.cycle(&id, replacement(why, act));
            } else if let Some(turns) = rolling.get(&id.service) {
                // Nobody can serve in its place any more.
                self.cycle(&id, replacement(turns.why.clone(), act));
            } else {
                // It was left as it was: the next `up` goes on with it.
                instance.outdated = Some(old.outdated);
            }
        }
        for (name, Turns { why, of }) in &rolling {
            if !rolls(self, name) || !self.cluster.can_roll(name) {
                continue;
            }
            let mut resumed = resumed.remove(name).unwrap_or_default();
            let of_this = told_to_end.iter().filter(|id| id.service == *name);
            resumed.ended.extend(of_this.cloned());
            self.resume_rolling(name, why.clone(), *of, resumed, act);
        }
        told_to_end
    }

    fn resume_rolling(
        &mut self,
        name: &ServiceName,
        why: String,
        of: usize,
        resumed: Resumed,
        act: ActId,
    ) {
        let Resumed { left, out, ended } = resumed;
        let names: Vec<String> = left.iter().map(ToString::to_string).collect();
        let next = match names.as_slice() {
            [] => "all have had their turn".to_owned(),
            names => format!("still to come: {}", healing::words::list(names)),
        };
        let text = format!("the rolling restart of {name} goes on after the engine's end: {next}");
        let turn = ended.first().or(out.first().map(|(id, _)| id)).cloned();
        let Some(service) = self.cluster.services.get_mut(name) else {
            return;
        };
        // What follows it is still to come.
        service.renewed = true;
        service.rolling = Some(Rolling {
            act,
            why,
            began: self.now.mono,
            of: of.max(left.len()),
            left,
            turn,
            looks: None,
            resumed: true,
        });
        self.cluster.rolling.insert(name.clone());
        self.out.facts.push(EventKind::Notice { text });
        for (id, why) in out {
            // The engine before has told it to end, and may have got no further.
            let ordered = false;
            self.cycle(
                &id,
                Cycle {
                    ordered,
                    ..replacement(why, act)
                },
            );
        }
    }
}

/// Where the instances of a rolling restart stand that goes on.
#[derive(Default)]
struct Resumed {
    /// Those whose turn has not come.
    left: BTreeSet<InstanceId>,
    /// Those that are being replaced and still there, and why.
    out: Vec<(InstanceId, String)>,
    /// Those that have ended and are not there again.
    ended: BTreeSet<InstanceId>,
}

fn replacement(why: String, act: ActId) -> Cycle {
    Cycle {
        why,
        act,
        automatic: false,
        ordered: true,
    }
}
