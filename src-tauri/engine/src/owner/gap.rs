//! Time in which this owner could not look, noticed before anything is taken for what it looks like.

use super::Owner;
use orchestrator::Input;

impl Owner {
    /// Tells the heart of sleep, of an engine that stood still and of a clock that was set, if there
    /// was any since the last step.
    pub(super) fn mind_the_gap(&mut self) {
        let reading = self.shared.clock.reading(&self.shared.beat);
        if let Some(gap) = self.gaps.look(reading) {
            self.take(Input::Gap(gap));
        }
    }
}
