//! Questions that nobody would think of, the same in every run.

use model::{ClusterId, Verb};
use policy::{Question, Subject, Who};

/// A generator of numbers (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % n
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub(crate) fn word(&mut self) -> String {
        const STRANGE: [&str; 6] = ["", "\"", "\\", "a\nb", "Ünï", "\u{202e}x"];
        match self.below(8) {
            0 => self.of(&STRANGE).to_owned(),
            1 => "x".repeat(self.below(300)),
            _ => format!(
                "{}{}",
                self.of(&["db", "web", "api", "cache"]),
                self.below(50)
            ),
        }
    }
}

/// A question that owns its texts.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) who: Who,
    pub(crate) verb: Verb,
    pub(crate) approvals: u32,
    pub(crate) via: String,
    pub(crate) kind: usize,
    pub(crate) cluster: ClusterId,
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) protected: bool,
}

impl Asked {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let via = match dice.below(3) {
            0 => dice.word(),
            _ => dice
                .of(&["cli", "window", "browser", "registry", "healing"])
                .to_owned(),
        };
        Self {
            who: dice.of(&Who::ALL),
            verb: dice.of(&Verb::ALL),
            approvals: dice.of(&[0, 0, 0, 1, 2, u32::MAX]),
            via,
            kind: dice.below(4),
            cluster: dice.of(&["shop-1", "shop-2", "tools-3"]).parse().unwrap(),
            name: dice.word(),
            category: dice.word(),
            protected: dice.below(2) == 0,
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self.kind {
            0 => Subject::Home,
            1 => Subject::Cluster {
                id: &self.cluster,
                name: "shop",
            },
            _ => Subject::Service {
                cluster: &self.cluster,
                cluster_name: "shop",
                name: &self.name,
                category: &self.category,
                protected: self.protected,
            },
        }
    }

    pub(crate) fn question(&self) -> Question<'_> {
        Question {
            who: self.who,
            via: &self.via,
            verb: self.verb,
            subject: self.subject(),
            approvals: self.approvals,
        }
    }
}
