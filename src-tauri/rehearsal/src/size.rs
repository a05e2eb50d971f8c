//! What a random world is made of: a seed and a few numbers, drawn from the seed or written down. It is
//! how a world that broke a promise is told, made smaller and lived through again.

use crate::chance::Dice;
use std::fmt;

/// One world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// All its chance.
    pub seed: u64,
    /// So many services.
    pub services: u64,
    /// So often somebody does something.
    pub commands: u64,
    /// So many faults are planned, besides those that come by themselves.
    pub faults: u64,
    /// Chances of a hundred that something goes wrong where it can.
    pub roughness: u64,
    /// Chances of a hundred that a person makes a slip: a need that is not declared, an edit that breaks
    /// the service. Without any, what is seen of connections is random, too.
    pub slips: u64,
    /// Chances of a hundred that a need is no plain one.
    pub terms: u64,
    /// Chances of a hundred that a daemon may end.
    pub ends: u64,
}

impl Size {
    /// The world that a number stands for: most are small, some are large or deep.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice(seed ^ 0x5eed);
        Self {
            seed,
            services: 1 + match dice.percent(6) {
                true => dice.below(30),
                false => dice.below(8),
            },
            commands: dice.below(12),
            faults: dice.below(8),
            roughness: dice.below(60),
            slips: match dice.percent(50) {
                true => 10 + dice.below(40),
                false => 0,
            },
            terms: match dice.percent(50) {
                true => 20 + dice.below(60),
                false => 0,
            },
            ends: match dice.percent(30) {
                true => 10 + dice.below(40),
                false => 0,
            },
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            services,
            commands,
            faults,
            roughness,
            slips,
            terms,
            ends,
        } = self;
        write!(f, "{seed},{services},{commands},{faults},{roughness}")?;
        // What comes last and is none is not said.
        let more = [slips, terms, ends];
        let said = more.iter().rposition(|one| **one > 0);
        let said = said.map_or(0, |last| last + 1);
        more.iter()
            .take(said)
            .try_for_each(|one| write!(f, ",{one}"))
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    /// As [`Size`] is displayed, or a seed alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = text.split(',').map(|one| one.trim().parse()).collect();
        match numbers.as_deref() {
            Ok([seed]) => Ok(Self::of(*seed)),
            Ok(
                [
                    seed,
                    services @ 1..=1_000,
                    commands,
                    faults,
                    roughness,
                    more @ ..,
                ],
            ) if more.len() <= 3 => Ok(Self {
                seed: *seed,
                services: *services,
                commands: *commands,
                faults: *faults,
                roughness: *roughness,
                slips: more.first().copied().unwrap_or(0),
                terms: more.get(1).copied().unwrap_or(0),
                ends: more.get(2).copied().unwrap_or(0),
            }),
            _ => Err(format!(
                "{text} is not seed,services,commands,faults,roughness[,slips[,terms[,ends]]]"
            )),
        }
    }
}
