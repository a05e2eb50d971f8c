//! Asking probes, and hearing what services say of themselves.

use super::{Message, Owner};
use crate::launch::{self, Asked, Heard};
use crate::secrets::{self, Secrets};
use driver::Told;
use model::{Evidence, Generation, InstanceId, Mono, ProbeKind, Verdict};
use orchestrator::{Input, Said};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Target;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// What one instance has said of itself.
#[derive(Default)]
pub(super) struct Ears {
    /// The start that said READY=1 last.
    ready: watch::Sender<Option<Generation>>,
    /// When it last said WATCHDOG=1.
    alive: watch::Sender<Option<Instant>>,
}

/// The number of a question.
pub(crate) type Question = u64;

/// The questions under way: one of a kind for each instance. One that another was asked in the place of
/// may have been answered already: that answer waits in the inbox, and is to an old question.
#[derive(Default)]
pub(super) struct Questions {
    last: Question,
    under_way: BTreeMap<(InstanceId, ProbeKind), (Question, AbortHandle)>,
}

impl Questions {
    /// The number of the next.
    fn next(&mut self) -> Question {
        self.last += 1;
        self.last
    }

    /// This one is asked from now on, and no other of its kind.
    fn ask(&mut self, key: (InstanceId, ProbeKind), question: Question, task: AbortHandle) {
        if let Some((_, earlier)) = self.under_way.insert(key, (question, task)) {
            earlier.abort();
        }
    }

    /// An answer has come: true when it is to the question that is under way, which is over by that.
    pub(super) fn answered(
        &mut self,
        instance: &InstanceId,
        kind: ProbeKind,
        question: Question,
    ) -> bool {
        let key = (instance.clone(), kind);
        let of_now = self
            .under_way
            .get(&key)
            .is_some_and(|one| one.0 == question);
        if of_now {
            self.under_way.remove(&key);
        }
        of_now
    }

    /// Nothing is asked of this instance any more.
    fn drop(&mut self, instance: &InstanceId) {
        for kind in [ProbeKind::Startup, ProbeKind::Ready, ProbeKind::Health] {
            if let Some((_, task)) = self.under_way.remove(&(instance.clone(), kind)) {
                task.abort();
            }
        }
    }

    /// Nothing is asked of anybody any more.
    pub(super) fn drop_all(&mut self) {
        for (_, task) in std::mem::take(&mut self.under_way).into_values() {
            task.abort();
        }
    }
}

impl Owner {
    pub(super) fn ask_probe(
        &mut self,
        instance: InstanceId,
        generation: Generation,
        kind: ProbeKind,
        after: Duration,
    ) {
        let (secrets, missing) = self.secrets_of(&instance);
        let asked = self.asked(&instance, generation, kind, &secrets);
        let gate = match &asked {
            Some((Asked::Service(target), _)) if told(target) => None,
            _ => self.gate(&instance),
        };
        let shared = Arc::clone(&self.shared);
        let inbox = self.myself.clone();
        let id = instance.clone();
        let question = self.questions.next();
        let cancel = shared.cancel.clone();
        let cluster = self.id.clone();
        let was_attached = self.attached.contains_key(&instance);
        let at = shared
            .clock
            .instant(together(shared.clock.now().mono, after));
        let asking = async move {
            if !after.is_zero() {
                tokio::time::sleep_until(at).await;
            }
            // One at a time is asked of an instance, and the time of one begins when it is its turn.
            let _turn = match &gate {
                Some(gate) => gate.lock().await.into(),
                None => None,
            };
            let mut known = secrets;
            let mut evidence = match asked {
                // Boxed, because most of a thousand probes sleep most of the time, and asking
                // takes ten times the room of sleeping.
                Some((Asked::Daemon, timeout)) => {
                    let containers = &shared.drivers.containers;
                    let asked = containers.check(&cluster, &id, timeout);
                    let (evidence, check) = Box::pin(asked).await;
                    // What becomes ready is judged by what this says, so it comes before the answer.
                    if let Some(check) = check.filter(|_| kind != ProbeKind::Health) {
                        let check = Input::Check {
                            instance: id.clone(),
                            generation,
                            check,
                        };
                        let _ = inbox.send(Message::Happened(check)).await;
                    }
                    evidence
                }
                Some((Asked::Within(exec, key), timeout)) => {
                    let containers = &shared.drivers.containers;
                    let asked = containers.ask_within(&cluster, &id, exec, key, timeout);
                    let mut evidence = Box::pin(asked).await;
                    evidence.detail = match missing {
                        None => known.hide(evidence.detail),
                        Some(_) => secrets::unquoted(evidence.detail),
                    };
                    evidence
                }
                Some((Asked::Service(Target::Exec { mut launch, key }), timeout)) => {
                    let asked = async {
                        // The engine was away since the start; without them it cannot be asked,
                        // and what is missing is said when it starts the next time.
                        if let Some(missing) = missing
                            && let Ok(read) = Secrets::read(&cluster, missing, &shared.driver).await
                        {
                            known = Arc::new(read);
                            for (name, secret) in &known.0 {
                                let value = secret.reveal().to_owned();
                                launch.env.insert(name.clone(), value);
                            }
                            let read = Message::Secrets(id.clone(), Arc::clone(&known));
                            let _ = inbox.send(read).await;
                        }
                        let mut evidence = shared
                            .prober
                            .ask(Target::Exec { launch, key }, timeout)
                            .await;
                        evidence.detail = known.hide(evidence.detail);
                        evidence
                    };
                    Box::pin(asked).await
                }
                Some((Asked::Service(target), timeout)) => {
                    let mut evidence = Box::pin(shared.prober.ask(target, timeout)).await;
                    // What a service answers is repeated in it.
                    evidence.detail = match missing {
                        None => known.hide(evidence.detail),
                        Some(_) => secrets::unquoted(evidence.detail),
                    };
                    evidence
                }
                None => Evidence {
                    verdict: Verdict::Trouble,
                    detail: "there is no port to ask, or nobody who hears it".into(),
                    latency_us: 0,
                },
            };
            if evidence.verdict == Verdict::Fail
                && let Some(why) = Box::pin(shared.drivers.unreachable(&cluster, &id)).await
            {
                // With its daemon went the way to it, and that says nothing about it.
                evidence.verdict = Verdict::Trouble;
                evidence.detail = why;
            }
            if was_attached || evidence.verdict == Verdict::Fail {
                let looking = crate::attached::to(&shared.driver, &cluster, &id);
                let who = Box::pin(looking).await;
                if let Some(who) = &who
                    && evidence.verdict == Verdict::Fail
                {
                    // It is stopped in there, and that says nothing about it.
                    evidence.verdict = Verdict::Trouble;
                    evidence.detail.clone_from(who);
                }
                if was_attached || who.is_some() {
                    let told = Message::Attached(id.clone(), generation, who);
                    let _ = inbox.send(told).await;
                }
            }
            // A closed inbox means the engine is going down.
            let _ = inbox
                .send(Message::Probed(id, generation, kind, evidence, question))
                .await;
        };
        let task = self.shared.tasks.spawn(async move {
            cancel.run_until_cancelled(asking).await;
        });
        (self.questions).ask((instance, kind), question, task.abort_handle());
    }

    /// What a probe of an instance asks, or listens to.
    fn asked(
        &mut self,
        instance: &InstanceId,
        generation: Generation,
        kind: ProbeKind,
        secrets: &Secrets,
    ) -> Option<(Asked, Duration)> {
        let told = self.told.entry(instance.clone()).or_default();
        let registry = &self.shared.registry;
        let lost = self.cluster.status(instance);
        let lost = lost.is_some_and(|status| status.marks.shim_lost);
        let hear = |target: &spec::ProbeTarget, port: Option<u16>| match target {
            spec::ProbeTarget::Notify => Some(Heard::Ready(told.ready.subscribe())),
            // The socket it says it to is gone with its shim: its silence means nothing.
            spec::ProbeTarget::Watchdog if lost => None,
            spec::ProbeTarget::Watchdog => {
                Some(Heard::Beat(told.alive.subscribe(), "said WATCHDOG=1"))
            }
            _ => Some(Heard::Beat(registry.beats(port?), "renewed its lease")),
        };
        let places = self.shared.places();
        let record = &self.record;
        launch::probe(record, places, instance, generation, kind, secrets, hear)
    }

    /// Whose turn it is to be asked, where an instance has two probes that are asked for as long as it
    /// runs.
    fn gate(&mut self, instance: &InstanceId) -> Option<Arc<tokio::sync::Mutex<()>>> {
        let service = self.record.definition.services.get(&instance.service)?;
        let both = service.ready_always && service.health.is_some();
        both.then(|| Arc::clone(self.gates.entry(instance.clone()).or_default()))
    }

    /// An instance has said something about itself, which its shim has heard.
    pub(super) fn told(&mut self, instance: InstanceId, generation: Generation, told: Told) {
        let ears = self.told.entry(instance.clone()).or_default();
        let said = match told {
            Told::Alive => {
                ears.alive.send_replace(Some(Instant::now()));
                return;
            }
            Told::Ready => {
                let before = ears.ready.send_replace(Some(generation));
                if before != Some(generation) {
                    return;
                }
                Said::Ready
            }
            Told::Status(text) => {
                let (secrets, missing) = self.secrets_of(&instance);
                Said::Status(match missing {
                    None => secrets.hide(text),
                    Some(_) => secrets::NOT_SHOWN.to_owned(),
                })
            }
            Told::Reloading => Said::Reloading,
            Told::Stopping => Said::Stopping,
            Told::Extend(micros) => Said::Extend(Duration::from_micros(micros)),
        };
        self.step(Input::Said {
            instance,
            generation,
            said,
        });
    }

    pub(super) fn drop_probes(&mut self, instance: &InstanceId) {
        self.questions.drop(instance);
    }

    /// Another process: what was heard of the one before says nothing about it.
    pub(super) fn begin_to_hear(&mut self, instance: &InstanceId) {
        if let Some(told) = self.told.get(instance) {
            told.alive.send_replace(None);
        }
        let ports = self.record.ports.get(instance);
        if let Some(port) = ports.and_then(|ports| ports.first()) {
            self.shared.registry.forget_beats(*port);
        }
    }
}

/// The service says it by itself and nothing is asked of it: whoever listens keeps nobody from
/// asking something else meanwhile.
fn told(target: &Target) -> bool {
    match target {
        Target::Line { .. } | Target::Ready { .. } | Target::Beat { .. } => true,
        Target::Http { .. } | Target::Tcp { .. } | Target::Grpc { .. } | Target::Exec { .. } => {
            false
        }
    }
}

/// When to ask a probe that is due after this long: a little earlier than that, together with the
/// others of the same tenth of a second. A thousand services are asked in ten wakings a second
/// instead of two hundred, and each keeps its period exactly. What is due soon is asked when it is
/// due.
fn together(now: Mono, after: Duration) -> Mono {
    /// In milliseconds.
    const GRID: u64 = 100;
    let due = now + after;
    if after < Duration::from_millis(10 * GRID) {
        return due;
    }
    Mono(due.0 - due.0 % GRID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_to_a_question_that_was_replaced_is_old_news() {
        let (id, kind): (InstanceId, _) = ("api.0".parse().unwrap(), ProbeKind::Health);
        let mut questions = Questions::default();
        let mut tasks = tokio::task::JoinSet::new();
        let mut ask = |questions: &mut Questions| {
            let (question, task) = (questions.next(), tasks.spawn(async {}));
            questions.ask((id.clone(), kind), question, task);
            question
        };
        let [old, new] = [ask(&mut questions), ask(&mut questions)];
        // It had answered before the other was asked.
        assert!(!questions.answered(&id, kind, old));
        assert!(!questions.answered(&id, ProbeKind::Ready, new));
        assert!(questions.answered(&id, kind, new));
        assert!(!questions.answered(&id, kind, new), "once");
        let called_back = ask(&mut questions);
        questions.drop(&id);
        assert!(!questions.answered(&id, kind, called_back));
    }

    #[test]
    fn probes_keep_their_period_and_are_asked_together() {
        let every = Duration::from_secs(5);
        let mut asked = together(Mono(1_234), every);
        assert_eq!(asked, Mono(6_200));
        for _ in 0..100 {
            // The answer took three milliseconds.
            let next = together(Mono(asked.0 + 3), every);
            assert_eq!(next.since(asked), every);
            asked = next;
        }
        let soon = Duration::from_millis(10);
        assert_eq!(together(Mono(1_234), soon), Mono(1_244));
    }
}
