//! The kinds of fault: where each can be done, how it is done, and what ends it.

use super::graph::{Made, SERVICES, Service, Stack};
use super::keeper::Keeper;
use crate::{http, process};
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

/// One way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9`.
    Killed,
    /// It ends with 0.
    ExitsWell,
    /// It ends with 1.
    ExitsBadly,
    /// Stopped by a signal: it does nothing, and its socket listens.
    Hangs,
    /// It answers 503.
    Errors,
    /// It answers after three seconds.
    Slow,
    /// It waits for itself; its socket listens.
    Deadlock,
    /// Its socket is closed; it lives.
    Refuses,
    /// Killed, and its next three starts fail at once.
    CrashLoop,
    /// It takes memory up to its limit, a little at a time.
    Leaks,
    /// Its folder is not there for five seconds.
    LostDisk,
    /// An edit of its definition that it cannot start with.
    BadConfig,
}

/// All of them.
pub const KINDS: [Kind; 12] = [
    Kind::Killed,
    Kind::Errors,
    Kind::ExitsWell,
    Kind::Hangs,
    Kind::CrashLoop,
    Kind::Slow,
    Kind::ExitsBadly,
    Kind::Deadlock,
    Kind::LostDisk,
    Kind::Refuses,
    Kind::Leaks,
    Kind::BadConfig,
];

/// The lost disk comes back after so long.
const AWAY: Duration = Duration::from_secs(5);

impl Kind {
    /// As tables and options name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Killed => "killed",
            Kind::ExitsWell => "exits-0",
            Kind::ExitsBadly => "exits-1",
            Kind::Hangs => "hangs",
            Kind::Errors => "errors",
            Kind::Slow => "slow",
            Kind::Deadlock => "deadlock",
            Kind::Refuses => "refuses",
            Kind::CrashLoop => "crash-loop",
            Kind::Leaks => "leaks",
            Kind::LostDisk => "lost-disk",
            Kind::BadConfig => "bad-config",
        }
    }

    /// Who recovers from it by himself does not need another process.
    pub fn passes(self) -> bool {
        self == Kind::LostDisk
    }

    /// How long a keeper has until it counts as not recovered.
    pub fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Kind::CrashLoop | Kind::LostDisk | Kind::BadConfig => 45,
            // Seconds pass before the memory is used up.
            Kind::Leaks => 25,
            _ => 20,
        })
    }

    /// From when on it can be mended by whoever tries.
    pub fn mended_after(self) -> Option<Duration> {
        (self == Kind::LostDisk).then_some(AWAY)
    }

    fn fits(self, made: Made) -> bool {
        let puppet = matches!(made, Made::Puppet | Made::Shallow | Made::Leaves);
        match self {
            Kind::Killed | Kind::ExitsWell | Kind::Hangs => true,
            Kind::ExitsBadly | Kind::Errors | Kind::Slow | Kind::Deadlock => {
                puppet || made == Made::Organ
            }
            Kind::Refuses | Kind::CrashLoop | Kind::Leaks | Kind::LostDisk | Kind::BadConfig => {
                puppet
            }
        }
    }

    /// So many places for it, spread over the graph, never twice the same.
    pub fn places(self, count: usize) -> Vec<&'static Service> {
        let fit: Vec<&Service> = SERVICES.iter().filter(|one| self.fits(one.made)).collect();
        let at = KINDS.iter().position(|kind| *kind == self).unwrap_or(0);
        // Half way round, and a little on: from the bottom to the top and back.
        let stride = (fit.len() / 2..)
            .find(|stride| coprime(*stride, fit.len()))
            .unwrap_or(1);
        let first = fit.iter().filter(|one| real(one)).copied();
        let others = (0..fit.len())
            .map(|n| fit[(at * 5 + n * stride) % fit.len()])
            .filter(|one| !real(one));
        first.chain(others).take(count).collect()
    }

    /// Does it.
    ///
    /// # Errors
    /// What kept it from being done.
    pub fn inject(self, keeper: &mut dyn Keeper, victim: &Service) -> Result<(), String> {
        let stack = keeper.stack().clone();
        let pid = keeper.pid(victim.name).ok_or("it does not run")?;
        let said = |error: std::io::Error| format!("failed to make it so: {error}");
        match self {
            Kind::Killed => process::kill(pid),
            Kind::Hangs => process::signal(pid, Signal::STOP),
            Kind::CrashLoop => {
                fs::write(stack.file("crashes", victim.name), "3").map_err(said)?;
                process::kill(pid);
            }
            Kind::LostDisk => {
                let data = stack.file("data", victim.name);
                fs::rename(&data, stack.file("lost", victim.name)).map_err(said)?;
            }
            Kind::BadConfig => keeper.configure(Some(victim.name))?,
            Kind::ExitsWell if victim.made == Made::Postgres => process::signal(pid, Signal::INT),
            Kind::ExitsWell if victim.made == Made::Redis => process::signal(pid, Signal::TERM),
            _ => self.tell(&stack, victim)?,
        }
        Ok(())
    }

    fn tell(self, stack: &Stack, victim: &Service) -> Result<(), String> {
        let organ = victim.made == Made::Organ;
        let path = match self {
            Kind::ExitsWell if organ => "/misbehave?mode=crash&code=0",
            Kind::ExitsBadly if organ => "/misbehave?mode=crash&code=1",
            Kind::Errors if organ => "/misbehave?mode=error&code=503",
            Kind::Slow if organ => "/misbehave?mode=slow&ms=3000",
            Kind::Deadlock if organ => "/misbehave?mode=hang",
            Kind::ExitsWell => "/do/exit-0",
            Kind::ExitsBadly => "/do/exit-1",
            Kind::Errors => "/do/errors",
            Kind::Slow => "/do/slow",
            Kind::Deadlock => "/do/deadlock",
            Kind::Refuses => "/do/refuse",
            Kind::Leaks => "/do/leak",
            _ => return Err("there is no telling it that".to_owned()),
        };
        // What ends at once need not answer.
        http::ask(stack.port(victim.name), "POST", path, "");
        Ok(())
    }

    /// Takes away what keeps it up, as far as it is there.
    ///
    /// # Errors
    /// What kept it from being taken away.
    pub fn mend(self, keeper: &mut dyn Keeper, victim: &Service) -> Result<(), String> {
        let stack = keeper.stack().clone();
        match self {
            Kind::LostDisk => {
                let lost = stack.file("lost", victim.name);
                if lost.exists() {
                    fs::rename(lost, stack.file("data", victim.name))
                        .map_err(|error| format!("failed to give its folder back: {error}"))?;
                }
            }
            Kind::CrashLoop => {
                // Gone when all its starts have failed.
                let _ = fs::write(stack.file("crashes", victim.name), "0");
            }
            Kind::BadConfig => keeper.configure(None)?,
            _ => {}
        }
        Ok(())
    }
}

fn real(service: &Service) -> bool {
    matches!(service.made, Made::Postgres | Made::Redis)
}

fn coprime(a: usize, b: usize) -> bool {
    (2..=a.min(b)).all(|n| !(a.is_multiple_of(n) && b.is_multiple_of(n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_ten_places_of_its_own() {
        for kind in KINDS {
            let places = kind.places(10);
            let names: BTreeSet<&str> = places.iter().map(|place| place.name).collect();
            assert_eq!(names.len(), 10, "{kind:?}: {names:?}");
        }
        let all: BTreeSet<&str> = KINDS
            .iter()
            .flat_map(|kind| kind.places(10))
            .map(|one| one.name)
            .collect();
        assert_eq!(all.len(), SERVICES.len(), "each is a place of some fault");
    }
}
