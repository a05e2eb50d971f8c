//! After the engine was away: what was found running is taken on as it is, what ended meanwhile is
//! told as what it is, and nothing is started twice.

use crate::cluster::Service;
use crate::heal::Fault;
use crate::instance::{Care, Goal, Instance, Life};
use crate::io::Adoption;
use crate::memory::Ended;
use crate::probe::stage;
use crate::step::Step;
use model::{ActId, EntryKind, EventKind, ExitStatus, InstanceId, Reason, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

impl Step<'_> {
    pub(crate) fn adopt(
        &mut self,
        definition: Arc<spec::Cluster>,
        ports: &BTreeMap<InstanceId, Vec<u16>>,
        (stopped, mut why): (&[ServiceName], BTreeMap<ServiceName, String>),
        found: Vec<Adoption>,
        act: ActId,
    ) {
        for (name, spec) in &definition.services {
            let mut service = Service::new(spec.clone());
            service.wanted = !stopped.contains(name);
            self.cluster.services.insert(name.clone(), service);
            self.create(name, ports, act);
            if stopped.contains(name) {
                let why = why.remove(name).or_else(|| spec.unwanted());
                let why = why.unwrap_or_else(|| "stopped on request, or not asked for".to_owned());
                for id in self.cluster.ids_of(name) {
                    if let Some(instance) = self.cluster.instances.get_mut(&id) {
                        instance.rest.clone_from(&why);
                    }
                }
            }
        }
        self.cluster.definition = Some(definition);
        self.recollect();
        self.recall();
        self.resume_holds();
        self.resume_autonomy();
        self.resume_versions();
        self.resume_grown();
        let mut ended = BTreeMap::new();
        for found in found {
            self.find(found, act, &mut ended);
        }
        self.resume_schedules(&mut ended);
        self.recall_findings();
        self.cluster.rebuild();
        self.take_up_incidents();
        let told_to_end = self.take_up(&ended, act);
        let all: BTreeSet<InstanceId> = self.cluster.instances.keys().cloned().collect();
        for id in self.roots_first(ended.keys()) {
            if let Some(status) = ended.get(&id) {
                self.ended_away(&id, *status, told_to_end.contains(&id));
            }
        }
        for id in &all {
            self.recount(id);
            self.look.insert(id.clone());
        }
        // What is down although others run that need it explains their faults from the beginning.
        let names: Vec<ServiceName> = self.cluster.services.keys().cloned().collect();
        for name in &names {
            let turn = self.cluster.turn(name);
            let lost = |(id, instance): (&InstanceId, &Instance)| {
                self.cluster.goal(id) != Goal::Leave
                    && turn != Some(id)
                    && instance.life == Life::Gone
                    && !instance.done
            };
            if self.cluster.replicas(name) == 0 || self.cluster.instances_of(name).any(lost) {
                self.goes_down(name);
            }
        }
        self.remember();
        self.wait_for(act, None, all);
    }

    fn find(&mut self, found: Adoption, act: ActId, ended: &mut BTreeMap<InstanceId, ExitStatus>) {
        let Adoption {
            instance: id,
            generation,
            outcome,
            shim_lost,
            unanswered,
            greeted,
        } = found;
        if !self.cluster.services.contains_key(&id.service) {
            // No definition knows it any more, but it is ours and lives: it is stopped like one
            // that was taken out of the definition.
            let mut service = Service::new(stranger());
            service.leaving = true;
            service.wanted = false;
            self.cluster.services.insert(id.service.clone(), service);
        }
        let wall = self.now.wall;
        let instance = self
            .cluster
            .instances
            .entry(id.clone())
            .or_insert_with(|| Instance::new(Vec::new(), act, wall));
        if self
            .cluster
            .services
            .get(&id.service)
            .is_none_or(|s| s.goal(id.index) == Goal::Leave)
        {
            instance.rest = "no longer defined".to_owned();
        }
        instance.generation = generation;
        instance.served = Some(generation);
        instance.shim_lost = shim_lost;
        instance.greeted = greeted;
        match outcome {
            Ok(pid) => {
                instance.life = Life::Alive;
                instance.pid = Some(pid);
                instance.begun = None;
                instance.alive_since = self.now.mono;
                if self.cluster.goal(&id) == Goal::Run {
                    let adopted = match unanswered {
                        false => format!("adopted, pid {pid}"),
                        true => format!("adopted, pid {pid}; it has not answered yet"),
                    };
                    self.set_alive(&id, Reason::new(adopted));
                    if !self.told_before(&id) {
                        self.ask_readiness(&id);
                    }
                }
            }
            Err(status) => {
                instance.ended = Some(status);
                ended.insert(id, status);
            }
        }
    }

    /// What is told once, and was told to an engine before this one, is not waited for again: true when
    /// that makes it ready.
    fn told_before(&mut self, id: &InstanceId) -> bool {
        let Some(service) = self.cluster.services.get(&id.service) else {
            return false;
        };
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return false;
        };
        let told = |started| stage(&service.spec, started).is_some_and(|(_, it)| it.target.told());
        if instance.was_ready != Some(instance.generation) {
            return false;
        }
        instance.started |= told(instance.started);
        let ready = told(instance.started);
        if ready {
            instance.asked = true;
            self.became_ready(id, "was ready before this engine came");
        }
        ready
    }

    /// It ended while no engine ran; by itself, or because the engine before had told it to.
    fn ended_away(&mut self, id: &InstanceId, status: ExitStatus, told: bool) {
        if self.cluster.goal(id) != Goal::Run {
            return;
        }
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        let generation = instance.generation;
        instance.told_end = Some(generation);
        instance.by_itself = !told;
        let known = instance.remembered.take();
        let known = known.filter(|ended| ended.generation == generation);
        if known.is_none() {
            self.out.facts.push(EventKind::Exited {
                instance: id.clone(),
                generation,
                status,
            });
            self.run_ended(id, status);
        }
        let Some(instance) = self.cluster.instances.get(id) else {
            return;
        };
        let completes = self
            .cluster
            .services
            .get(&id.service)
            .is_some_and(|s| s.spec.succeeded(status));
        if matches!(instance.care, Care::Quarantined(_)) {
            // Only a person takes it out of there, not an engine's end.
        } else if told {
            // Its replacement is what is missing, and is no remedy.
        } else if completes {
            let when = match known {
                Some(_) => "before this engine came",
                None => "while no engine ran",
            };
            self.completed(id, format!("completed {when}"));
        } else if let Some(known) = known {
            self.care_goes_on(id, known);
        } else {
            let text = format!("ended while no engine ran: it {status}");
            self.witness(id, EntryKind::Exit, &format!("{id} {text}"));
            self.fault(
                id,
                Fault {
                    cause: format!("{id} {text}"),
                    text,
                    hopeless: false,
                },
            );
        }
    }

    /// The engine before has told its end, and had come so far with what is to be done about it.
    fn care_goes_on(&mut self, id: &InstanceId, known: Ended) {
        let Ended {
            fault,
            pending,
            due,
            counted,
            ..
        } = known;
        let own = self.tale(id).is_some();
        let Some(instance) = self.cluster.instances.get_mut(id) else {
            return;
        };
        instance.fault.clone_from(&fault);
        if !pending {
            // It was being started again, which is gone on with.
            instance.automatic = !fault.is_empty();
            let again = u32::from(counted);
            instance.restarts = instance.restarts.saturating_sub(again);
        } else if own && !self.explained(id) {
            let dependents = self.goes_down(&id.service);
            self.judge_by(id, false, due);
            self.take_over(&id.service, &dependents);
            self.take_over_seen(&id.service, &dependents);
        } else {
            // Whose fault it is was not known, or is another's.
            self.fault(
                id,
                Fault {
                    cause: format!("{id} {fault}"),
                    text: fault,
                    hopeless: false,
                },
            );
        }
    }

    /// These instances, each after those of the services it needs: so that of several that ended
    /// the root is told first.
    fn roots_first<'a>(&self, ids: impl Iterator<Item = &'a InstanceId>) -> Vec<InstanceId> {
        let mut wanted: BTreeMap<ServiceName, Vec<InstanceId>> = BTreeMap::new();
        for id in ids {
            wanted
                .entry(id.service.clone())
                .or_default()
                .push(id.clone());
        }
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for name in self.cluster.services.keys() {
            // A service is put on twice: to look at its needs first, then to be told itself.
            let mut open = vec![(name.clone(), false)];
            while let Some((name, needs_told)) = open.pop() {
                if needs_told {
                    order.extend(wanted.remove(&name).unwrap_or_default());
                } else if seen.insert(name.clone()) {
                    let service = self.cluster.services.get(&name);
                    open.push((name, true));
                    let needs = service.into_iter().flat_map(|service| &service.needs);
                    open.extend(needs.map(|need| (need.clone(), false)));
                }
            }
        }
        order
    }
}

/// The least that is known of a service without a definition: how to stop it.
fn stranger() -> spec::Service {
    spec::Service {
        kind: spec::Kind::Daemon,
        runs: spec::Run::Direct(Vec::new()).into(),
        cwd: String::new(),
        env: BTreeMap::new(),
        secrets: BTreeMap::new(),
        lines: BTreeMap::new(),
        env_files: Vec::new(),
        before_start: None,
        after_ready: None,
        user: None,
        category: "services".to_owned(),
        success: BTreeSet::new(),
        schedule: None,
        profiles: Vec::new(),
        port: None,
        listen: None,
        tty: false,
        needs: Vec::new(),
        replicas: 0,
        max_replicas: None,
        startup: None,
        ready: None,
        ready_always: false,
        ready_within: Duration::ZERO,
        ready_as_check: false,
        health: None,
        heal: spec::Heal {
            ladder: Vec::new(),
            budget: spec::Budget {
                count: 0,
                per: Duration::ZERO,
            },
            backoff: spec::Backoff {
                steps: Vec::new(),
                reset_after: Duration::ZERO,
            },
            settle: Duration::ZERO,
            circuit: None,
            enabled: false,
        },
        stop: spec::Stop {
            command: None,
            signal: Some(spec::StopSignal::Term),
            grace: Duration::from_secs(10),
        },
        limits: spec::Limits::default(),
        log: spec::Log::default(),
        protected: false,
        port_exact: false,
        watch: None,
        route: spec::Route::default(),
    }
}
