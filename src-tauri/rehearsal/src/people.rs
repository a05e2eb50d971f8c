//! People: one who helps when nothing else does; and for rough worlds random definitions, and those
//! who start, stop, restart, scale, hold, release, edit and end everything at any time.

use crate::chance::Dice;
use crate::ends::Ends;
use crate::faults::{Fault, KINDS};
use crate::load::{grows, most};
use crate::slips::Slips;
use crate::terms::{Loose, until};
use crate::world::{Coming, Engine, Millis, Phase, World};
use model::{ExitStatus, ServiceName, State, Terms};
use orchestrator::Command;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Instances that a service of a rough world may have at most.
pub(crate) const SLOTS: u16 = 4;

/// A service as it was drawn.
#[derive(Debug, Clone)]
struct Drawn {
    oneshot: bool,
    /// That it may end, of a daemon.
    ends: Option<&'static str>,
    /// It runs by a schedule.
    schedule: Option<&'static str>,
    needs: Vec<DrawnNeed>,
    /// What it uses besides, and does not say.
    uses: Option<u64>,
    /// An edit has broken it.
    broken: bool,
    /// The other lines of its table.
    lines: String,
}

/// A need as it was drawn.
#[derive(Debug, Clone)]
struct DrawnNeed {
    /// The number of what it needs.
    of: u64,
    /// It restarts with that.
    restart: bool,
    terms: Terms,
}

/// All that may be defined, and is.
#[derive(Debug, Default)]
pub(crate) struct Drawing {
    services: BTreeMap<u64, Drawn>,
    slips: Slips,
    loose: Loose,
    pub(crate) ends: Ends,
}

impl Drawing {
    pub(crate) fn new(
        dice: &mut Dice,
        services: u64,
        slips: Slips,
        loose: Loose,
        ends: Ends,
    ) -> Self {
        let mut drawing = Self {
            slips,
            loose,
            ends,
            ..Self::default()
        };
        for number in 0..services {
            drawing.draw(dice, number);
        }
        drawing
    }

    /// Draws a service, anew if it is there.
    fn draw(&mut self, dice: &mut Dice, number: u64) {
        let oneshot = dice.percent(15);
        let schedule = schedule(*dice).filter(|_| oneshot);
        // In a large graph each needs a few near ones: deep, and not all of all.
        let chance = if number > 10 { 8 } else { 35 };
        let needs = (0..number)
            .filter_map(|need| {
                let restart = dice.percent(30);
                (dice.percent(chance) || (number > 10 && need + 1 == number && dice.percent(70)))
                    .then(|| DrawnNeed {
                        of: need,
                        restart,
                        terms: self.loose.draw(),
                    })
            })
            .collect();
        let every = [5, 10, 20, 20][dice.below(4) as usize];
        let within = if dice.percent(20) {
            ", within = \"30s\""
        } else {
            ""
        };
        let kind = ["http = \"/\"", "tcp = \"$PORT\"", "exec = \"check\""][dice.below(3) as usize];
        let limit = if dice.percent(25) {
            ", degraded_above = \"300ms\""
        } else {
            ""
        };
        let fail = 1 + dice.below(3);
        let pass = 1 + dice.below(2);
        let mut lines = format!(
            "run = \"v{}\"\nport = {}\n",
            dice.below(3),
            2_000 + number * 10
        );
        let add = |lines: &mut String, dice: &mut Dice, percent, line: String| {
            if dice.percent(percent) {
                lines.push_str(&line);
                lines.push('\n');
            }
        };
        if !oneshot {
            add(
                &mut lines,
                dice,
                10,
                format!("startup = {{ {kind}, every = \"{every}s\" }}"),
            );
            let always = if dice.percent(30) {
                ", always = true, fail = 2"
            } else {
                ""
            };
            add(
                &mut lines,
                dice,
                40,
                format!("ready = {{ {kind}, every = \"{every}s\"{within}{always} }}"),
            );
            add(
                &mut lines,
                dice,
                60,
                format!(
                    "health = {{ {kind}, every = \"{every}s\", fail = {fail}, pass = {pass}{limit} }}"
                ),
            );
            add(&mut lines, dice, 20, "replicas = 3".to_owned());
            add(&mut lines, dice, 5, "protected = true".to_owned());
            add(&mut lines, dice, 15, "after_ready = \"seed\"".to_owned());
        }
        add(
            &mut lines,
            dice,
            15,
            "before_start = \"migrate\"".to_owned(),
        );
        let mut heal = Vec::new();
        if dice.percent(20) {
            heal.push("budget = \"1 per 1m\"");
        }
        if dice.percent(5) {
            heal.push("enabled = false");
        }
        if dice.percent(10) {
            heal.push("ladder = [\"restart\"]");
        }
        let healed = !heal.contains(&"enabled = false");
        if lines.contains("degraded_above") && kind != "tcp = \"$PORT\"" && healed && grows(*dice) {
            heal.push("reset_after = \"1m\"");
            let replicas = if lines.contains("replicas = 3") { 3 } else { 1 };
            _ = writeln!(lines, "max_replicas = {}", most(*dice, replicas));
        }
        add(
            &mut lines,
            dice,
            100,
            format!("heal = {{ {} }}", heal.join(", ")),
        );
        let uses = self.slips.undeclared(number);
        let edited = self.services.contains_key(&number);
        let broken = edited && self.slips.breaks();
        let ends = self.ends.line().filter(|_| !oneshot);
        let drawn = Drawn {
            oneshot,
            ends,
            schedule,
            needs,
            uses,
            broken,
            lines,
        };
        self.services.insert(number, drawn);
    }

    /// The definition as a person would write it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (number, drawn) in &self.services {
            // Writing to a string cannot fail.
            let uses = drawn.uses.filter(|used| self.services.contains_key(used));
            let slips = Slips::lines(uses, drawn.broken);
            let _ = write!(text, "[service.s{number}]\n{}{slips}", drawn.lines);
            if drawn.oneshot {
                text.push_str("kind = \"oneshot\"\n");
            }
            text.push_str(drawn.ends.unwrap_or_default());
            if let Some(schedule) = drawn.schedule {
                let _ = writeln!(text, "schedule = {schedule}");
            }
            let needs: Vec<String> = drawn
                .needs
                .iter()
                .filter_map(|need| self.written(need))
                .collect();
            let _ = writeln!(text, "needs = [{}]\n", needs.join(", "));
        }
        text
    }

    /// A need as a person would write it; none of what is not defined, unless it need not be there.
    fn written(&self, need: &DrawnNeed) -> Option<String> {
        let DrawnNeed { of, restart, terms } = need;
        let mut keys = format!("service = \"s{of}\", restart = {restart}");
        let other = self.services.get(of);
        if other.is_none() && terms.required || other.is_some_and(|one| one.schedule.is_some()) {
            return None;
        }
        if *terms != Terms::default() {
            let until = until(terms.until, other.is_some_and(|other| other.oneshot));
            let _ = write!(keys, ", until = \"{until}\", required = {}", terms.required);
        }
        Some(format!("{{ {keys} }}"))
    }

    /// The same as it is read.
    pub(crate) fn definition(&self) -> Arc<spec::Cluster> {
        let text = self.text();
        match spec::parse("azora.toml", "sim", text.as_bytes()) {
            Ok(definition) => Arc::new(definition),
            Err(problems) => panic!("{}\n{text}", problems.render(100, false)),
        }
    }

    /// Two services are edited: one changes, one goes that nobody needs, or comes back.
    fn edit(&mut self, dice: &mut Dice, of: u64) {
        let number = dice.below(of);
        self.draw(dice, number);
        let number = dice.below(of);
        let needed = self.services.values().any(|one| {
            one.needs
                .iter()
                .any(|need| need.of == number && need.terms.required)
        });
        if !needed && self.services.len() > 1 {
            self.services.remove(&number);
        }
    }
}

/// When a oneshot of a rough world runs by itself, if it does; its chance is its own, so that it changes
/// nobody else's.
fn schedule(dice: Dice) -> Option<&'static str> {
    const ALL: [&str; 4] = [
        "{ every = \"20s\" }",
        "{ every = \"2s\", run_on_start = true }",
        "\"* * * * *\"",
        "{ cron = \"*/5 * * * *\", timezone = \"Europe/Berlin\", run_on_start = true }",
    ];
    let mut dice = Dice(dice.0 ^ 0x5c4ed);
    let scheduled = dice.percent(40);
    let nth = usize::try_from(dice.below(4)).unwrap_or(0);
    ALL.get(nth).copied().filter(|_| scheduled)
}

/// A person looks after what is still away after ten minutes.
const PERSON: Millis = 600_000;

impl World {
    /// It is away of itself: a person will look after it.
    pub(crate) fn call_person(&mut self, service: usize) {
        if self.rough.on() {
            return;
        }
        let absence = self.services[service].absences;
        self.later(PERSON, Coming::Person(service, absence));
    }

    pub(crate) fn help(&mut self, service: usize, absence: u64) {
        let it = &self.services[service];
        if it.own.is_none() || it.absences != absence {
            return;
        }
        if !matches!(self.engine, Engine::Runs) {
            self.later(5_000, Coming::Person(service, absence));
            return;
        }
        let name = it.name.clone();
        let quarantined = |one: &usize| self.instances[*one].state == State::Quarantined;
        let released = it.instances.iter().any(quarantined);
        if self.counted_from.is_some() {
            self.services[service].account.helped += 1;
        }
        let services = vec![name];
        self.command(match released {
            true => Command::Release(services),
            false => Command::Restart {
                services,
                at_once: true,
            },
        });
        self.call_person(service);
    }

    fn some(&mut self) -> Vec<ServiceName> {
        let names: Vec<ServiceName> = self.definition.services.keys().cloned().collect();
        let count = self.rough.dice.below(3);
        (0..count)
            .filter_map(|_| {
                let number = self.rough.dice.below(names.len() as u64);
                names.get(number as usize).cloned()
            })
            .collect()
    }

    /// Somebody does something.
    pub(crate) fn chore(&mut self) {
        if self.rough.calm {
            return;
        }
        if !matches!(self.engine, Engine::Runs) {
            self.later(1_000, Coming::Chore);
            return;
        }
        let some = self.some();
        let command = match self.rough.dice.below(13) {
            0 => Command::Down,
            1 | 2 => Command::Start(some),
            3 | 4 => Command::Stop(some),
            5 | 6 => Command::Restart {
                services: some,
                at_once: self.rough.dice.percent(20),
            },
            7 => Command::Hold {
                services: some,
                until: None,
            },
            8 => Command::Unhold(some),
            9 => Command::Release(some),
            10 => {
                let Some(service) = some.into_iter().next() else {
                    return;
                };
                let replicas = u16::try_from(self.rough.dice.below(u64::from(SLOTS))).unwrap_or(1);
                if let Some(it) = self.services.iter_mut().find(|one| one.name == service) {
                    it.defined.replicas = replicas;
                }
                Command::Scale {
                    service,
                    replicas,
                    ports: BTreeMap::new(),
                    healing: None,
                }
            }
            11 => Command::Refresh {
                services: some,
                why: "main.rs changed".to_owned(),
                changed: model::Mono(self.now),
            },
            _ if self.rough.dice.percent(30) => {
                self.emergency();
                Command::Ended {
                    reason: "drill".to_owned(),
                }
            }
            _ => {
                let mut drawing = std::mem::take(&mut self.drawing);
                drawing.edit(&mut self.rough.dice, self.services.len() as u64);
                self.redefine(drawing);
                self.up();
                return;
            }
        };
        let scales = matches!(command, Command::Scale { .. });
        self.command(command);
        if scales {
            self.remember_scaling();
        }
    }

    /// The cluster is defined like this from now on.
    pub(crate) fn redefine(&mut self, drawing: Drawing) {
        self.definition = drawing.definition();
        self.recorded = self.cluster.kept(&self.definition);
        self.drawing = drawing;
        let text = self.drawing.text();
        if let Some(audit) = &mut self.audit {
            audit.say(|| text);
        }
        for number in 0..self.services.len() {
            let before = self.every_of(number);
            let it = &mut self.services[number];
            if let Some(defined) = self.recorded.services.get(&it.name) {
                it.defined.clone_from(defined);
                it.oneshot = defined.kind == spec::Kind::Oneshot;
            }
            for instance in it.instances.clone() {
                self.edit_round(instance, before);
            }
        }
        self.connect();
        for number in 0..self.services.len() {
            self.look_at(number);
        }
    }

    /// The heart takes a service back to an older definition, or on to a newer one.
    pub(crate) fn define(&mut self, name: &ServiceName, spec: spec::Service) {
        let mut definition = spec::Cluster::clone(&self.recorded);
        definition.services.insert(name.clone(), spec.clone());
        self.recorded = Arc::new(definition);
        let Some(number) = self.services.iter().position(|one| one.name == *name) else {
            return;
        };
        let before = self.every_of(number);
        let it = &mut self.services[number];
        it.defined = spec::Service {
            replicas: it.defined.replicas,
            ..spec
        };
        for instance in it.instances.clone() {
            self.edit_round(instance, before);
        }
        self.connect();
        self.look_at(number);
    }

    /// The emergency path ends everything. Of what was just being made the driver may say something
    /// afterwards, or never anything.
    fn emergency(&mut self) {
        for number in 0..self.instances.len() {
            let word = self.rough.dice.percent(50);
            let instance = &mut self.instances[number];
            if let Some(process) = instance.process.take() {
                if process.phase == Phase::Made && word {
                    self.ghosts.insert((number, process.generation));
                }
                instance.ended = Some((process.generation, ExitStatus::Signal(9)));
                // The driver says so in its own time.
                instance.untold = Some(process.generation);
            }
            if let Some((generation, _)) = instance.preparing.take()
                && word
            {
                self.rough.unprepared.insert((number, generation));
            }
            self.look_at(self.instances[number].service);
        }
    }

    /// Faults at random times, to random services, for so long.
    pub(crate) fn plan_faults(&mut self, count: u64, time: u64) {
        let daemons = self.daemons.len() as u64;
        for _ in 0..count.min(daemons.saturating_mul(100)) {
            let at = self.rough.dice.below(time);
            let kind = KINDS[self.rough.dice.below(KINDS.len() as u64) as usize];
            let target = self.rough.dice.below(daemons) as usize;
            self.later(at, Coming::Fault(self.faults.len()));
            self.faults.push(Fault { at, kind, target });
        }
    }

    /// From now on nothing goes wrong: what is ill gets well, and stays so.
    pub(crate) fn calm_down(&mut self) {
        self.rough.calm = true;
        self.no_room_until = self.now;
        for service in &mut self.services {
            (service.slow_until, service.flaps) = (0, 0);
            service.load = None;
            (service.bad_starts, service.slow_starts) = (0, 0);
        }
        for number in 0..self.instances.len() {
            let instance = &mut self.instances[number];
            instance.blips = 0;
            if let Some(process) = &mut instance.process {
                (process.hung, process.ill_until, process.stuck) = (false, 0, None);
                process.misses.clear();
            }
        }
        for number in 0..self.services.len() {
            self.look_at(number);
        }
    }
}
