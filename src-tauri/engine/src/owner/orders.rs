//! What a person asks of a cluster, checked and turned into commands.

use super::effects::at_rest;
use super::ports::shares;
use super::{Noted, Owner, Wish};
use crate::Error;
use crate::clock::Clock;
use crate::reserve::tell_taken;
use driver::PortWish;
use model::{ActId, InstanceId, PortTaken, ServiceName, State, Timestamp};
use orchestrator::{Cluster, Command, Effect, Input};
use spec::limits::MAX_REPLICAS;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Owner {
    /// Runs a definition; answers what differs from before. What cannot be remembered is not begun.
    pub(super) fn up(
        &mut self,
        definition: Arc<spec::Cluster>,
        noted: Noted,
        left_out: BTreeMap<ServiceName, String>,
        act: ActId,
    ) -> Result<Vec<String>, Error> {
        let before = self.record.clone();
        self.record.file = noted.file;
        self.record.risks = Some(noted.risks);
        self.record.asked = noted.asked;
        self.record.rules = noted.rules;
        let (definition, scaled) = self.record.as_scaled(definition);
        let mut next = self.cluster.clone();
        let kept = self.cluster.kept(&definition);
        let decided = self.prepare(&kept, noted.env).and_then(|changes| {
            Ok((
                changes,
                self.decide_up(&mut next, Arc::clone(&definition), left_out, act)?,
            ))
        });
        if decided.is_err() {
            let asked = std::mem::replace(&mut self.record, before);
            self.give_back_beyond(&asked.ports);
        }
        let (changes, effects) = decided?;
        self.shared.constitution.knows(&self.record);
        self.shared.note_stop(&self.id, None);
        let mut changes = changes;
        changes.extend(scaled);
        changes.extend(self.stay_rolled_back(&definition, &kept));
        self.cluster = next;
        for effect in effects {
            self.carry_out(effect);
        }
        self.watch_files();
        self.show();
        Ok(changes)
    }

    /// Decides on a copy what is to be done and writes down what it is about: an engine that comes
    /// after this one can finish it, wherever this one ends.
    fn decide_up(
        &mut self,
        next: &mut Cluster,
        definition: Arc<spec::Cluster>,
        left_out: BTreeMap<ServiceName, String>,
        act: ActId,
    ) -> Result<Vec<Effect>, Error> {
        let ports = self.record.ports.clone();
        let input = Input::Command {
            command: Command::Up {
                definition,
                ports,
                left_out,
            },
            act,
        };
        let effects = orchestrator::step(next, input, self.shared.clock.now());
        self.record.stopped = next.resting();
        self.record.keep_what_is_wanted();
        self.record.unfinished = next.unfinished();
        self.record.why_stopped = next.resting_why();
        self.try_save()?;
        Ok(effects)
    }

    /// Grants ports for a definition and notes it.
    fn prepare(
        &mut self,
        definition: &Arc<spec::Cluster>,
        env: Option<BTreeMap<String, String>>,
    ) -> Result<Vec<String>, Error> {
        let mut changes = self.differences(definition);
        let (shared, moved) = self.share(definition)?;
        changes.extend(moved);
        let wishes = self.wishes(definition);
        let moved = self.grant(wishes)?;
        changes.extend(moved);
        for (service, port) in &shared {
            self.record.share_port(service, *port);
        }
        let old: Vec<InstanceId> = self.record.ports.keys().cloned().collect();
        for instance in old {
            let has_port = definition
                .services
                .get(&instance.service)
                .is_some_and(|service| service.port.is_some());
            // Those of services that are gone are released when their processes are.
            if definition.services.contains_key(&instance.service)
                && !has_port
                && let Some(ports) = self.record.ports.remove(&instance)
            {
                self.record.ports_taken.remove(&instance);
                self.shared
                    .driver
                    .release_ports(&self.id, &instance, &ports);
            }
        }
        self.record.definition = Arc::clone(definition);
        if let Some(env) = env {
            self.record.env = env;
        }
        self.record.last_stop = None;
        Ok(changes)
    }

    /// Healing took a service back to an older definition, or a person wants the newer one again: what is
    /// started from now on, by whichever engine, is made from this.
    pub(super) fn define(&mut self, service: &ServiceName, spec: spec::Service) {
        let mut definition = spec::Cluster::clone(&self.record.definition);
        if let Some(one) = definition.services.get_mut(service) {
            *one = spec::Service {
                // As last scaled.
                replicas: one.replicas,
                ..spec
            };
        }
        self.record.definition = Arc::new(definition);
        self.shared.constitution.knows(&self.record);
        self.save();
        self.watch_files();
    }

    /// In words, what runs on although the file says something else.
    fn stay_rolled_back(&self, asked: &spec::Cluster, kept: &spec::Cluster) -> Vec<String> {
        let differ = |name: &&ServiceName| {
            self.cluster.rolled_back(name).is_some()
                && asked.services.get(*name) != kept.services.get(*name)
        };
        let names = kept.services.keys().filter(differ);
        let words = names.map(|name| {
            format!("{name}: stays rolled back; `azora release {name}` tries the newer one again")
        });
        words.collect()
    }

    fn differences(&self, definition: &spec::Cluster) -> Vec<String> {
        if self.cluster.definition().is_none() {
            return vec![];
        }
        let diff = spec::diff(&self.record.definition, definition);
        let added = diff.added.iter().map(|name| format!("{name} is new"));
        let removed = diff
            .removed
            .iter()
            .map(|name| format!("{name} is no longer defined"));
        let rolled = self.cluster.rolled(definition, &diff.restarts);
        let changed = diff.changed.iter().map(|(name, what)| {
            let how = match rolled.contains(name) {
                true => "; restarts one instance after another",
                false => "",
            };
            format!("{name}: {}{how}", what.join(", "))
        });
        added.chain(removed).chain(changed).collect()
    }

    /// The ports to ask for: an instance that lives keeps what it has, and so does one that has completed: were its
    /// usual port free again, all that are told of it would be started anew.
    fn wishes(&mut self, definition: &spec::Cluster) -> Vec<PortWish> {
        let mut wishes = Vec::new();
        for (name, service) in &definition.services {
            let Some(preferred) = service.port else {
                continue;
            };
            let shares = shares(service);
            let before = self.record.definition.services.get(name);
            let shared_before = before.is_some_and(self::shares);
            let same_wish = shares == shared_before
                && before.and_then(|old| old.port) == Some(preferred)
                && !(service.port_exact && self.taken(name));
            for index in 0..service.replicas {
                let instance = InstanceId::new(name.clone(), index);
                let has = self
                    .record
                    .ports
                    .get(&instance)
                    .and_then(|all| all.first().copied());
                let lives = self
                    .cluster
                    .status(&instance)
                    .is_some_and(|now| now.pid.is_some() || now.state == State::Completed);
                if has.is_some() && lives && same_wish {
                    continue;
                }
                if let Some(old) = has {
                    self.shared
                        .driver
                        .release_ports(&self.id, &instance, &[old]);
                }
                let preferred = match (index, preferred) {
                    // The wish is for the one they share; its own may be any.
                    _ if shares => has.filter(|_| shared_before).unwrap_or(0),
                    (0, wanted) if wanted != 0 => wanted,
                    // Any port will do; the one it had keeps bookmarks working.
                    _ => has.unwrap_or(0),
                };
                wishes.push(PortWish {
                    cluster: self.id.clone(),
                    instance,
                    preferred,
                    exact: service.port_exact && !shares,
                });
            }
        }
        // What must have its port goes before what would like the same one.
        wishes.sort_by_key(|wish| !wish.exact);
        wishes
    }

    /// Asks for ports and notes them; answers in words which preferred ones were taken.
    fn grant(&mut self, wishes: Vec<PortWish>) -> Result<Vec<String>, Error> {
        let mut words = Vec::new();
        for grant in self.ask_for_ports(&wishes)? {
            let index = grant.instance.index;
            self.record.ports_taken.remove(&grant.instance);
            if let (Some((wanted, holder)), 0) = (grant.moved, index) {
                let ports = (wanted, grant.port);
                words.push(tell_taken(
                    &self.shared,
                    &self.id,
                    &grant.instance,
                    ports,
                    &holder,
                ));
                let taken = PortTaken { wanted, holder };
                self.record
                    .ports_taken
                    .insert(grant.instance.clone(), taken);
            }
            self.record.ports.insert(grant.instance, vec![grant.port]);
        }
        Ok(words)
    }

    pub(super) fn order(&mut self, wish: Wish, act: ActId) -> Result<(), Error> {
        let took = wish.starts() && self.record.is_down();
        if took {
            self.take_ports_again()?;
        }
        let done = self.command(wish, act);
        if took && self.record.is_down() {
            // Nothing was begun: what was asked for is unknown, or does not start what is down.
            self.give_back_all_ports();
        }
        done
    }

    /// Turns a wish into a command, and has it done.
    fn command(&mut self, wish: Wish, act: ActId) -> Result<(), Error> {
        let command = match wish {
            Wish::Down(mut volumes) => {
                volumes.retain(|one| !crate::container::is_external(&self.record, &one.name));
                if !volumes.is_empty() {
                    let names = volumes.iter().map(|one| one.name.clone());
                    self.with_volumes.insert(act, names.collect());
                }
                self.stop_all(Clock::wall());
                let clears = !volumes.is_empty() || self.may_have_containers();
                self.record.take_down(clears.then_some(act), volumes);
                self.save();
                // What ends from here on gives back its own.
                self.give_back_all_ports();
                Command::Down
            }
            Wish::Start(services) => Command::Start(self.known(services)?),
            Wish::Stop(services) => Command::Stop(self.known(services)?),
            Wish::Restart(services, at_once) => Command::Restart {
                services: self.known(services)?,
                at_once,
            },
            Wish::Hold(services, span) => Command::Hold {
                services: self.known(services)?,
                until: span.map(|span| until("a hold", span)).transpose()?,
            },
            Wish::Unhold(services) => Command::Unhold(self.known(services)?),
            Wish::Autonomy(said) => Command::Autonomy(said),
            Wish::Release(services) => Command::Release(self.known(services)?),
            Wish::Scale(service, replicas) => self.scale(service, replicas)?,
            Wish::Resume => {
                self.shared.note_stop(&self.id, None);
                let services = self
                    .record
                    .last_stop
                    .take()
                    .map(|stop| stop.services)
                    .unwrap_or_default();
                if services.is_empty() {
                    self.shared.door.settle(act, vec![]);
                    return Ok(());
                }
                for service in &services {
                    self.record.stopped.remove(service);
                }
                self.record.keep_what_is_wanted();
                self.save();
                Command::Start(services)
            }
        };
        let restarts = matches!(
            command,
            Command::Restart { .. }
                | Command::Scale { .. }
                | Command::Hold { .. }
                | Command::Unhold(_)
                | Command::Autonomy(_)
        );
        self.step(Input::Command { command, act });
        // On disk before it is answered: the next engine goes on with it.
        self.keeping.unsaved |= restarts;
        Ok(())
    }

    fn scale(&mut self, service: ServiceName, replicas: u16) -> Result<Command, Error> {
        if replicas == 0 || replicas > MAX_REPLICAS {
            return Err(Error::BadRequest(format!(
                "{service} can have 1 to {MAX_REPLICAS} instances, not {replicas}; `azora stop {service}` stops it"
            )));
        }
        let services = self.known(vec![service])?;
        let service = services.into_iter().next().ok_or(Error::Closing)?;
        let Some(one) = self.record.definition.services.get(&service) else {
            return Err(Error::Closing);
        };
        if one.kind == spec::Kind::Oneshot {
            return Err(Error::Conflict(format!(
                "{service} is a oneshot; it runs once"
            )));
        }
        let defined = one.replicas.saturating_sub(self.cluster.added(&service));
        let ports = self.grow(&service, replicas)?;
        self.record.scale(&service, defined, replicas);
        self.save();
        Ok(Command::Scale {
            service,
            replicas,
            ports,
            healing: None,
        })
    }

    /// Notes that there are to be so many of a service, and answers the ports of all of them.
    pub(super) fn grow(
        &mut self,
        service: &ServiceName,
        replicas: u16,
    ) -> Result<BTreeMap<InstanceId, Vec<u16>>, Error> {
        let mut definition = spec::Cluster::clone(&self.record.definition);
        let Some(one) = definition.services.get_mut(service) else {
            return Err(Error::Closing);
        };
        one.replicas = replicas;
        let mut ports = BTreeMap::new();
        if one.port.is_some() {
            let wishes = (0..replicas)
                .map(|index| InstanceId::new(service.clone(), index))
                .filter(|instance| !self.record.ports.contains_key(instance))
                .map(|instance| PortWish {
                    cluster: self.id.clone(),
                    instance,
                    preferred: 0,
                    exact: false,
                })
                .collect();
            self.grant(wishes)?;
            if let Some(port) = self.record.shared_port(service) {
                self.record.share_port(service, port);
            }
            for (instance, granted) in &self.record.ports {
                if instance.service == *service {
                    ports.insert(instance.clone(), granted.clone());
                }
            }
        }
        self.record.definition = Arc::new(definition);
        Ok(ports)
    }

    /// Nothing is wanted any more; `resume` will know what was.
    pub(super) fn stop_all(&mut self, at: Timestamp) {
        self.record.stop_all(at);
        self.shared
            .note_stop(&self.id, self.record.last_stop.as_ref().map(|stop| stop.at));
    }

    /// The emergency path has ended everything: nothing is wanted any more.
    pub(super) fn ended(&mut self, reason: String, at: Timestamp) {
        self.shared.drivers.containers.relays.ended(&self.id);
        self.stop_all(at);
        self.give_back_all_ports();
        self.questions.drop_all();
        self.call_off_all();
        self.step(Input::Command {
            command: Command::Ended { reason },
            act: ActId(0),
        });
        // On disk soon: who waits for this waits for the processes' ends, not for a disk.
        self.keeping.unsaved = true;
        self.show();
    }

    pub(super) fn forget(&mut self) -> Result<(), Error> {
        let running: Vec<String> = self
            .cluster
            .statuses()
            .filter(|one| !at_rest(one.state))
            .map(|one| one.instance.to_string())
            .collect();
        if !running.is_empty() {
            return Err(Error::Conflict(format!(
                "{} still runs {} instances; take it down first",
                self.record.definition.name,
                running.len()
            )));
        }
        let instances: Vec<InstanceId> = self.cluster.statuses().map(|one| one.instance).collect();
        for instance in instances {
            self.removed(&instance);
        }
        self.unwatch_files();
        self.clear_forgotten();
        // There is nothing left to resume.
        self.shared.note_stop(&self.id, None);
        // What is on its way to the disk does not bring it back.
        self.keeping.close();
        let folder = self.shared.layout.cluster(&self.id);
        if let Err(source) = std::fs::remove_dir_all(&folder) {
            return Err(Error::Home {
                path: folder,
                source,
            });
        }
        Ok(())
    }

    /// The services, if the definition has all of them.
    fn known(&self, services: Vec<ServiceName>) -> Result<Vec<ServiceName>, Error> {
        let defined = &self.record.definition.services;
        match services.iter().find(|name| !defined.contains_key(*name)) {
            None => Ok(services),
            Some(unknown) => Err(Error::NoService {
                cluster: self.id.clone(),
                service: unknown.clone(),
                near: nearest(unknown, defined.keys()),
            }),
        }
    }
}

/// When what a person wants for so long ends: a hold, a mute. It begins now.
pub(crate) fn until(what: &str, span: Duration) -> Result<Timestamp, Error> {
    /// Longer is for ever, and is said so by leaving the time out.
    const LONGEST: Duration = Duration::from_secs(30 * 86_400);
    let millis = span.as_millis();
    if millis == 0 || span > LONGEST {
        return Err(Error::BadRequest(format!(
            "{what} lasts at least a millisecond and at most 30 days; without a time it has no end"
        )));
    }
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    Ok(Timestamp(Clock::wall().0.saturating_add(millis)))
}

/// The defined name a person most likely meant.
pub(crate) fn nearest<'a>(
    unknown: &ServiceName,
    defined: impl Iterator<Item = &'a ServiceName>,
) -> Option<ServiceName> {
    defined
        .map(|name| {
            (
                strsim::damerau_levenshtein(unknown.as_str(), name.as_str()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= 2 || name.as_str().contains(unknown.as_str()))
        .min()
        .map(|(_, name)| name.clone())
}
