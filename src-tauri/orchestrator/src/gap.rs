//! After a time in which nobody looked: the first answers are not judged, and what ran out meanwhile
//! begins anew.
//!
//! A machine that wakes has lost its connections and starts everything at once; an engine that goes on
//! finds answers that waited for it. What fails then says nothing, so each probe's answers count again
//! from its second question on. Ends of processes are facts and count at once.

use crate::instance::{Instance, Life};
use crate::step::Step;
use healing::Gap;
use model::{EventKind, Mono, ProbeKind};

impl Step<'_> {
    /// Time has passed in which nobody looked, or the clock was set.
    pub(crate) fn after_a_gap(&mut self, gap: &Gap) {
        self.time_holds_anew();
        self.time_schedules_anew();
        let alive = self.cluster.instances.iter();
        let alive = alive.filter(|(_, instance)| instance.life == Life::Alive);
        let alive: Vec<_> = alive.map(|(id, _)| id.clone()).collect();
        if alive.is_empty() {
            return;
        }
        let mut text = gap.words();
        if gap.blind() {
            text.push_str("; the first checks after that are not judged");
            for id in &alive {
                let Some(instance) = self.cluster.instances.get_mut(id) else {
                    continue;
                };
                // What failed before is another time's.
                let doubted = instance.state.serves() && !instance.watch.well();
                instance.watch.excuse();
                instance.load.forget();
                for kind in [ProbeKind::Startup, ProbeKind::Ready, ProbeKind::Health] {
                    instance.unjudged.insert(kind, self.now.mono);
                }
                let (gives_up, serving) = (instance.gives_up.is_some(), instance.serving.clone());
                if gives_up {
                    self.begin_patience(id, self.now.mono);
                }
                self.prolong_trial(id);
                if doubted {
                    self.set(id, serving.0, serving.1);
                }
            }
            self.doubt_anew();
        }
        self.out.facts.push(EventKind::Notice { text });
    }
}

impl Instance {
    /// An answer belongs to the first round after a gap: to what was asked before it, or to the first
    /// question after it.
    pub(crate) fn first_round(&mut self, kind: ProbeKind, asked: Option<Mono>) -> bool {
        let Some(since) = self.unjudged.get(&kind) else {
            return false;
        };
        if asked.is_none_or(|at| at >= *since) {
            self.unjudged.remove(&kind);
        }
        true
    }
}
