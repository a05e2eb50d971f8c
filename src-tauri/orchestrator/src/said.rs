//! What a service says of itself: it is shown as the reason, and decides nothing but how long it is
//! waited for.

use crate::instance::{Care, Life};
use crate::io::Said;
use crate::step::Step;
use healing::words;
use model::{InstanceId, Reason};
use std::time::Duration;

/// The longest a service may put off at once that it is given up: a day, like `within` itself.
const LONGEST: Duration = Duration::from_secs(86_400);

impl Step<'_> {
    pub(crate) fn said(&mut self, id: &InstanceId, said: Said) {
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        if instance.life != Life::Alive {
            return;
        }
        let text = match said {
            Said::Extend(more) => {
                let until = self.now.mono + more.min(LONGEST);
                if let Some(at) = instance.gives_up
                    && until > at
                {
                    instance.overdue = false;
                    self.give_up_at(id, until);
                    let more = words::duration(more.min(LONGEST));
                    let reason = Reason::new(format!("asks for {more} more to become ready"));
                    self.set_alive(id, reason);
                }
                return;
            }
            Said::Status(text) if text.trim().is_empty() => return,
            Said::Status(text) => format!("says: {text}"),
            Said::Reloading => "says that it reads its configuration anew".to_owned(),
            Said::Stopping => "says that it is ending".to_owned(),
            Said::Ready => "says that it is ready again".to_owned(),
        };
        let reason = Reason::new(text);
        if instance.ready {
            // What is shown of it while nothing is wrong.
            instance.serving.1 = reason.clone();
            if instance.state.serves() {
                self.set_reason(id, reason);
            }
        } else if instance.care == Care::Idle && instance.cycle.is_none() {
            let next = instance.gives_up.map(|at| {
                let left = words::duration(at.since(self.now.mono));
                format!("gives up in {left}")
            });
            self.set_alive(id, Reason { next, ..reason });
        }
    }
}
