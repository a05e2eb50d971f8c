//! What a definition does not say and a person does not see: a service uses another and does not declare it,
//! and an edit breaks the service. With it, what looks at the sockets see: who truly is connected to whom.
//!
//! Their chance is their own: a world without slips is the same as before there were any.

use crate::chance::Dice;
use crate::world::World;
use model::Endpoint;
use orchestrator::Sighting;

/// In the environment of a service that ends as soon as it is started.
pub(crate) const BROKEN: &str = "BROKEN";

/// Draws them.
#[derive(Debug)]
pub(crate) struct Slips {
    dice: Dice,
    /// Chances of a hundred.
    percent: u64,
}

impl Default for Slips {
    /// None.
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl Slips {
    pub(crate) fn new(seed: u64, percent: u64) -> Self {
        Self {
            dice: Dice(seed ^ 0x511b),
            percent,
        }
    }

    /// The number of a service that this one uses without saying so: needs have lower numbers, too.
    pub(crate) fn undeclared(&mut self, number: u64) -> Option<u64> {
        let slips = self.dice.percent(self.percent) && number > 0;
        slips.then(|| self.dice.below(number))
    }

    /// An edit breaks it.
    pub(crate) fn breaks(&mut self) -> bool {
        self.dice.percent(self.percent)
    }

    /// The lines of a service's table.
    pub(crate) fn lines(undeclared: Option<u64>, broken: bool) -> String {
        let uses = undeclared.map(|used| format!("USES = \"${{s{used}.port}}\""));
        let breaks = broken.then(|| format!("{BROKEN} = \"yes\""));
        let words: Vec<String> = uses.into_iter().chain(breaks).collect();
        match words.is_empty() {
            true => String::new(),
            false => format!("env = {{ {} }}\n", words.join(", ")),
        }
    }
}

impl World {
    /// What a look at the sockets sees now, if there is one: each process is connected to what it uses.
    pub(crate) fn sights(&self) -> Option<Vec<Sighting>> {
        let mut dice = Dice(self.now ^ self.rough.slips?);
        if !dice.percent(5) {
            return None;
        }
        let lives = |service: usize| {
            let mut instances = self.services[service].instances.iter();
            instances.any(|one| self.instances[*one].process.is_some())
        };
        let users = self.services.iter().zip(0..).filter(|(_, one)| lives(*one));
        let seen = users.flat_map(|(user, _)| {
            let used = user.uses.iter().copied().filter(|used| lives(*used));
            used.map(|used| Sighting {
                from: user.name.clone(),
                to: self.services[used].name.clone(),
                at: Endpoint::Tcp {
                    port: u16::try_from(used).unwrap_or(u16::MAX),
                },
            })
        });
        Some(seen.collect())
    }

    /// A person has broken it, and nothing was mended yet.
    pub(crate) fn broken_by_edit(&self, service: usize) -> bool {
        !self.rough.calm && self.services[service].defined.env.contains_key(BROKEN)
    }
}
