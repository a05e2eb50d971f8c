//! All the chance there is: a number for a question, always the same for the same question.
//!
//! Questions are asked by name and not in turn, so a cluster that is rehearsed again with one line
//! changed meets the same faults at the same times, and what differs is that line's doing.

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    /// Which fault comes, to whom and when.
    Kind,
    Target,
    Gap,
    /// What a service is like.
    Boot,
    Stubborn,
    /// What happens in one start of it.
    ThisBoot,
    Task,
    End,
    /// What it does without something it uses.
    Missing,
    Lost,
    Crash,
    /// How long it takes to answer.
    Latency,
    Slow,
    /// Whether it asks what it uses before it answers.
    AsksThrough,
}

/// A rehearsal's chance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Below `limit`, which is more than 0.
    pub(crate) fn below(self, limit: u64, about: About, of: &[u64]) -> u64 {
        // The finisher of SplitMix64, once for each part of the question.
        let mut hash = self.0;
        for part in std::iter::once(about as u64).chain(of.iter().copied()) {
            hash = (hash ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^= hash >> 31;
        }
        hash % limit.max(1)
    }

    /// From `low` up to `high`, not included.
    pub(crate) fn between(self, low: u64, high: u64, about: About, of: &[u64]) -> u64 {
        low + self.below(high.saturating_sub(low), about, of)
    }
}

/// Chance that is asked for in turn: for worlds that are to be as different as can be, and are never
/// compared with a second one. SplitMix64.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Below `limit`; 0 when that is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    /// So many times of a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_one_answer_and_questions_differ() {
        let chance = Chance(7);
        let ask = |n| chance.below(1_000, About::Latency, &[3, n]);
        assert_eq!(ask(5), ask(5));
        let answers: std::collections::BTreeSet<u64> = (0..500).map(ask).collect();
        assert!(answers.len() > 350, "{}", answers.len());
        let mean = (0..10_000).map(ask).sum::<u64>() / 10_000;
        assert!((450..550).contains(&mean), "{mean}");
    }
}
