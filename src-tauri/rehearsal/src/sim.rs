//! Worlds that look for faults in the heart: random clusters, people, faults and interleavings, held
//! against what `orchestrator` and `healing` promise.
//!
//! A world is one [`Size`], which a seed gives. [`live`] lives through it: first everything goes
//! wrong, then nothing does, and all has to come to rest. A world that breaks a promise is the same
//! each time, so [`shrunk`] can look for a smaller one, and its story can be read.

use crate::audit::{Audit, Promise};
use crate::chance::Dice;
use crate::ends::Ends;
use crate::faults::{Fault, FaultKind};
use crate::people::{Drawing, SLOTS};
use crate::rough::Rough;
use crate::rounds::Rounds;
pub use crate::size::Size;
use crate::slips::Slips;
use crate::terms::Loose;
use crate::world::{Coming, Engine, World};
use model::{Overall, State};
use orchestrator::Command;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How long things go wrong, in milliseconds.
const ROUGH: u64 = 60_000;
/// How long it takes at most until all is at rest after that: the longest wait of healing is a
/// minute, and there may be one for what is needed before that. What was seen to talk to one that
/// only a person can bring back waits five minutes for it, and is helped then.
const QUIET: u64 = 660_000;

/// What a world that kept all promises was like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lived {
    /// Milliseconds it went on.
    pub simulated_ms: u64,
    /// Checks of all kinds.
    pub checks: u64,
    /// Health checks by whether they were made when they were due.
    pub rounds: Rounds,
}

/// A promise that a world saw broken.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The world.
    pub size: Size,
    /// What was promised.
    pub promise: Promise,
    /// How it was broken.
    pub text: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "world {}: {:?}: {}", self.size, self.promise, self.text)
    }
}

/// Lives through a world.
///
/// # Errors
///
/// The first promise that was broken.
pub fn live(size: Size) -> Result<Lived, Broken> {
    run(size, false).0
}

/// Lives through a world and writes down all that is said in it.
pub fn story(size: Size) -> (Result<Lived, Broken>, Vec<String>) {
    run(size, true)
}

fn run(size: Size, tell: bool) -> (Result<Lived, Broken>, Vec<String>) {
    ended(size, tell, |world| live_on(world, size))
}

/// Lives through so many hangs, one after the other, in a world where nothing else goes wrong and whoever
/// uses what hangs answers with errors, whether it says that it uses it or not.
///
/// # Errors
///
/// The first promise that was broken.
pub fn hangs(size: Size, hangs: u64) -> Result<Lived, Broken> {
    ended(size, false, |world| {
        world.calm_down();
        world.rough.tells = true;
        world.up();
        rest(world, 120_000);
        for _ in 0..hangs {
            if world.broken() {
                return;
            }
            let daemons = world.daemons.len() as u64;
            let target = world.rough.dice.below(daemons) as usize;
            world.strike(Fault {
                at: world.now,
                kind: FaultKind::Hang,
                target,
            });
            rest(world, 180_000);
            // One that nobody asks hangs until somebody looks.
            world.calm_down();
            rest(world, 60_000);
        }
    })
    .0
}

fn ended(
    size: Size,
    tell: bool,
    live: impl FnOnce(&mut World),
) -> (Result<Lived, Broken>, Vec<String>) {
    let mut world = world(size, tell);
    let end = catch_unwind(AssertUnwindSafe(|| live(&mut world)));
    let audit = world.audit.take().map(|audit| *audit).unwrap_or_default();
    let broken = match end {
        Ok(()) => audit.broken,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some((Promise::Panic, text.unwrap_or_default()))
        }
    };
    let lived = match broken {
        Some((promise, text)) => Err(Broken {
            size,
            promise,
            text,
        }),
        None => Ok(Lived {
            simulated_ms: world.now,
            checks: world.checks,
            rounds: world.rounds,
        }),
    };
    (lived, audit.said.unwrap_or_default())
}

/// The smallest world found that breaks the same promise. Lives through some hundred worlds.
pub fn shrunk(broken: Broken) -> Broken {
    let mut least = broken;
    loop {
        let Size {
            services,
            commands,
            faults,
            roughness,
            ..
        } = least.size;
        let smaller = [
            Size {
                services: services / 2,
                ..least.size
            },
            Size {
                services: services - 1,
                ..least.size
            },
            Size {
                commands: commands / 2,
                ..least.size
            },
            Size {
                commands: commands.saturating_sub(1),
                ..least.size
            },
            Size {
                faults: 0,
                ..least.size
            },
            Size {
                faults: faults.saturating_sub(1),
                ..least.size
            },
            Size {
                roughness: roughness / 2,
                ..least.size
            },
            Size {
                slips: 0,
                ..least.size
            },
            Size {
                terms: 0,
                ..least.size
            },
            Size {
                ends: 0,
                ..least.size
            },
        ];
        // Another seed changes everything: of each size a few are tried.
        let tried = smaller
            .into_iter()
            .filter(|size| size.services > 0 && *size != least.size)
            .flat_map(|size| {
                (0..12_u64).map(move |more| Size {
                    seed: size.seed.wrapping_add(more),
                    ..size
                })
            });
        let found = tried
            .filter_map(|size| live(size).err())
            .find(|found| found.promise == least.promise);
        match found {
            Some(found) => least = found,
            None => return least,
        }
    }
}

/// Lives through so many times in which nobody could look: sleeps of an hour, clocks that are set by a
/// day, engines that stand still for a minute, at any moment, starts included. Nobody has a fault, so
/// nothing may be restarted and nothing said against anybody, although whoever is asked first
/// afterwards does not answer.
///
/// # Errors
///
/// The first promise that was broken.
pub fn nights(size: Size, nights: u64) -> Result<Lived, Broken> {
    run_nights(size, nights, false).0
}

/// The same, with all that is said.
pub fn story_of_nights(size: Size, nights: u64) -> (Result<Lived, Broken>, Vec<String>) {
    run_nights(size, nights, true)
}

fn run_nights(size: Size, nights: u64, tell: bool) -> (Result<Lived, Broken>, Vec<String>) {
    ended(size, tell, |world| {
        world.calm_down();
        if let Some(audit) = &mut world.audit {
            audit.faultless = true;
        }
        world.up();
        rest(world, 120_000);
        for night in 0..nights {
            if world.broken() {
                return;
            }
            let kinds = [
                FaultKind::Sleep,
                FaultKind::EngineStopped,
                FaultKind::ClockStep,
            ];
            let kind = kinds[(night % 3) as usize];
            let services: Vec<_> = world.definition.services.keys().cloned().collect();
            if world.rough.dice.percent(30) {
                let number = world.rough.dice.below(services.len() as u64) as usize;
                let services = services.get(number).cloned().into_iter().collect();
                world.command(Command::Restart {
                    services,
                    at_once: true,
                });
            }
            let wait = world.rough.dice.below(20_000);
            rest(world, wait);
            world.strike(Fault {
                at: world.now,
                kind,
                target: 0,
            });
            let wait = 61_000 + world.rough.dice.below(60_000);
            rest(world, wait);
        }
        settled(world, "the nights");
        all_well(world);
    })
}

fn world(size: Size, tell: bool) -> World {
    let mut dice = Dice(size.seed);
    let slips = Slips::new(size.seed, size.slips);
    let loose = Loose::new(size.seed, size.terms);
    let ends = Ends::new(size.seed, size.ends);
    let drawing = Drawing::new(&mut dice, size.services, slips, loose, ends);
    let mut slots = (*drawing.definition()).clone();
    for service in slots.services.values_mut() {
        service.replicas = SLOTS;
        service.max_replicas = None;
    }
    let mut world = World::new(&Arc::new(slots), size.seed);
    world.rough = Rough::new(dice.0, size.roughness);
    world.rough.slips = (size.slips > 0).then_some(size.slips);
    let mut audit = Audit::default();
    audit.said = tell.then(Vec::new);
    world.audit = Some(Box::new(audit));
    world.daemons = (0..world.services.len()).collect();
    world.redefine(drawing);
    world
}

fn live_on(world: &mut World, size: Size) {
    world.up();
    for _ in 0..size.commands {
        let at = world.rough.dice.below(ROUGH);
        world.later(at, Coming::Chore);
    }
    world.plan_faults(size.faults, ROUGH);
    rest(world, ROUGH);
    while !matches!(world.engine, Engine::Runs) && !world.broken() {
        rest(world, 1_000);
    }
    if world.broken() {
        return;
    }
    world.calm_down();
    world.command(Command::Unhold(Vec::new()));
    rest(world, QUIET);
    settled(world, "the faults");
    // Whoever is not as wanted says why: healing gave up, or may not.
    let stopped = world.cluster.stopped().to_vec();
    let statuses: Vec<_> = world.cluster.statuses().collect();
    for status in statuses {
        let under_way = matches!(
            status.state,
            State::Starting | State::Recovering | State::Stopping | State::Running
        );
        let wanted = !stopped.contains(&status.service);
        // Its time may just have come.
        let under_way = under_way && !runs_by_time(&status);
        if under_way || (wanted && status.state == State::Stopped) {
            let text = format!(
                "{} is still {} after the faults: {}",
                status.instance, status.state, status.reason
            );
            world.breaks(Promise::Rest, text);
        }
    }
    if world.broken() {
        return;
    }
    // A person brings up whatever is stopped and releases what is in quarantine: now all of it is well.
    world.up();
    let statuses = world.cluster.statuses();
    let away = statuses.filter(|status| status.state == State::Quarantined);
    let away: Vec<_> = away.map(|status| status.service).collect();
    if !away.is_empty() {
        world.command(Command::Release(away));
    }
    rest(world, QUIET);
    settled(world, "up");
    all_well(world);
    if world.broken() {
        return;
    }
    world.command(Command::Down);
    rest(world, QUIET);
    settled(world, "down");
    if world.instances.iter().any(|one| one.process.is_some()) {
        world.breaks(Promise::Rest, "something runs on after down".to_owned());
    }
    let overall = world.cluster.overall().0;
    if overall != Overall::Stopped {
        world.breaks(
            Promise::Rest,
            format!("the cluster is {overall:?} after down"),
        );
    }
}

fn rest(world: &mut World, time: u64) {
    if !world.broken() {
        let _ = world.run_until(world.now + time, &mut |_| ControlFlow::Continue(()));
    }
}

fn settled(world: &mut World, after: &str) {
    let open = world.audit.iter().flat_map(|audit| &audit.unsettled);
    let open: Vec<String> = open.map(|act| act.0.to_string()).collect();
    if !open.is_empty() {
        let text = format!("after {after} these acts never settle: {}", open.join(", "));
        world.breaks(Promise::Rest, text);
    }
}

/// It is about a run of its schedule.
fn runs_by_time(status: &model::InstanceStatus) -> bool {
    status.schedule.is_some() && matches!(status.state, State::Starting | State::Running)
}

fn all_well(world: &mut World) {
    let statuses: Vec<_> = world.cluster.statuses().collect();
    for status in statuses {
        let good = status.state.good() || runs_by_time(&status);
        let marked = status.marks.impacted_by.is_some();
        if !good || marked {
            let text = format!(
                "{} is {} when all is well: {}",
                status.instance, status.state, status.reason
            );
            world.breaks(Promise::Rest, text);
        }
    }
    // Whoever may be stopped is as many again as people want. Of those of which some go on with an older
    // definition, as is said of them, none is taken away: it might be the only one on the newer.
    let mut wanted = world.audit.iter().flat_map(|audit| &audit.wanted);
    let others = wanted.find(|(name, wanted)| {
        let spec = world.recorded.services.get(*name);
        let mut statuses = world.cluster.statuses_of(name);
        spec.is_some_and(|spec| !spec.protected)
            && world.cluster.replicas(name) != **wanted
            && !statuses.any(|status| status.marks.drift.is_some())
    });
    let others = others.map(|(name, wanted)| {
        let now = world.cluster.replicas(name);
        format!("{name} has {now} instances when all is well, {wanted} are wanted")
    });
    if let Some(text) = others {
        world.breaks(Promise::Scale, text);
    }
    let (overall, words) = world.cluster.overall();
    if overall != Overall::Operational {
        world.breaks(
            Promise::Rest,
            format!("the cluster is {overall:?} when all is well: {words}"),
        );
    }
    let incidents = world.audit.iter().flat_map(|audit| &audit.incidents);
    let open = incidents.filter(|(_, one)| one.state.unended());
    let open: Vec<String> = open
        .map(|(key, one)| format!("{key} of {}", one.instance))
        .collect();
    if !open.is_empty() {
        let text = format!("incidents stay open when all is well: {}", open.join(", "));
        world.breaks(Promise::Incidents, text);
    }
}
