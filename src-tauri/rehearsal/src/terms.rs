//! What random definitions say of a need besides that it is one: how far the other has to be, and that it
//! need not be there.
//!
//! Their chance is their own: a world without them is the same as before there were any.

use crate::chance::Dice;
use model::{Terms, Until};

/// Draws them.
#[derive(Debug)]
pub(crate) struct Loose {
    dice: Dice,
    /// Chances of a hundred that a need is no plain one.
    percent: u64,
}

impl Default for Loose {
    /// All are plain.
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Loose {
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        Self {
            dice: Dice(seed ^ 0x7e23),
            percent,
        }
    }

    pub(crate) fn draw(&mut self) -> Terms {
        if !self.dice.percent(self.percent) {
            return Terms::default();
        }
        Terms {
            until: Until::ALL[self.dice.below(4) as usize],
            required: self.dice.percent(60),
        }
    }
}

/// How far one of this kind may have to be: what runs until it is stopped has no end.
pub(crate) fn until(drawn: Until, oneshot: bool) -> Until {
    match drawn {
        Until::Ended if !oneshot => Until::Started,
        Until::Succeeded if !oneshot => Until::Ready,
        until => until,
    }
}
