//! Coming back after the engine was away: gathers what [`crate::reconcile`] decides on, and does
//! what it decides.

use crate::intent;
use crate::reconcile::{Facts, Keeper, Recorded, Verdict, reconcile};
use crate::shortage::Patience;
use crate::slow::SLOW;
use crate::spawn::{Shim, ShutOut};
use crate::watch::{Life, Unit, blocking};
use model::{Anchor, Generation};
use shim::{Command, Line, Told, fail_point};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A shim greets at once. One that does not is stopped, stuck or slow.
const GREETING: Duration = Duration::from_secs(1);
/// How long a shim that has nothing to keep may take to go.
const LEAVING: Duration = Duration::from_secs(5);

/// What a shim says of the newest start.
enum Said {
    Runs(Generation, Anchor),
    Over,
    Nothing,
}

impl Unit {
    /// Takes over what the run folder and the process table show.
    pub(crate) async fn attach(&mut self) {
        let mut story = self.story().await;
        fail_point!("adopt.read");
        let Some(intent) = story.intent.clone() else {
            return;
        };
        let this_boot = story.of_this_boot();
        let wanted = Generation(intent.generation);
        let mut kept = None;
        if this_boot {
            self.nonce = Some(intent.nonce.clone());
            self.groups = story.groups(&self.shared.layout);
            if story.shim.is_none() {
                // Its engine died while it made the shim, which may be on its way.
                let shut = self.shut_out().await;
                fail_point!("adopt.shut-out");
                if let ShutOut::OnRecord(now) = shut {
                    story = *now;
                }
            }
            kept = self.ask_shim(&story, intent).await;
            fail_point!("adopt.asked");
            // It may have written meanwhile. Of an intent that was taken back, the rest is known.
            let now = self.story().await;
            if now.intent.is_some() {
                story = now;
            }
        }
        // With its shim silent or gone, it would become the program whenever it went on.
        let unmade = match story.running() {
            Some((_, anchor)) if this_boot && kept.is_none() => self.end_unmade(anchor).await,
            _ => false,
        };
        let recorded = |story: &intent::Story| match story.recorded() {
            Recorded::Made(_) if unmade => Recorded::Failed,
            recorded => recorded,
        };
        let lives = match story.running() {
            Some((_, anchor)) if this_boot && !unmade => self.lives(anchor).await,
            _ => false,
        };
        let facts = Facts {
            wanted: Some((wanted, this_boot)),
            keeper: match (&kept, &self.shim) {
                (Some((generation, _)), _) => Keeper::Keeps(*generation),
                (None, Some(_)) => Keeper::Silent,
                (None, None) => Keeper::Gone,
            },
            recorded: recorded(&story),
            lives,
        };
        let clear = match reconcile(&facts) {
            Verdict::Adopt {
                generation,
                shim_lost,
            } => {
                let made = || story.running().map(|(_, anchor)| anchor.clone());
                if let Some(anchor) = kept.map(|(_, anchor)| anchor).or_else(made) {
                    self.begin_running(generation, anchor);
                    self.shim_lost = shim_lost;
                    if shim_lost && story.ready == Some(generation.0) {
                        // Nobody else can say it any more.
                        self.say_told(generation, Told::Ready).await;
                    }
                    if let Some(intent) = story.intent.filter(|_| shim_lost) {
                        self.keep_log(intent);
                    }
                }
                return;
            }
            Verdict::Absent { clear } | Verdict::Ended { clear, .. } => clear,
        };
        if clear {
            self.end_all(wanted).await;
            fail_point!("adopt.cleared");
        }
        // An end may have been recorded while we looked.
        let now = recorded(&self.story().await);
        let facts = Facts {
            keeper: Keeper::Gone,
            recorded: if clear { now } else { facts.recorded },
            lives: false,
            ..facts
        };
        if let Verdict::Ended {
            generation, status, ..
        } = reconcile(&facts)
        {
            self.last = Some((generation, status));
        }
    }

    /// Sees to it that no shim of it is on its way.
    async fn shut_out(&self) -> ShutOut {
        let mut patience = Patience::default();
        loop {
            let folder = self.folder.clone();
            let table = self.shared.scanner.table_in_time().await;
            match blocking(move || ShutOut::late_shim(&folder, &table)).await {
                Ok(shut) => return shut,
                Err(error) => patience.after("a record", &error).await,
            }
        }
    }

    /// Ends whatever is left of it, its shim included, which is stopped first: so that it makes
    /// nothing while we look, and still shows who descends from it.
    async fn end_all(&mut self, generation: Generation) {
        self.life = Life::Idle;
        if let Some(shim) = &self.shim {
            shim.freeze();
        }
        self.clear(generation).await;
        self.drop_shim().await;
        self.remove_groups();
    }

    /// Connects to the shim on record and hears what it has to say. One that keeps nothing any
    /// more is sent away: by now it may have been told to start again, by an engine that died
    /// after that, and only its end or its start says which.
    async fn ask_shim(
        &mut self,
        story: &intent::Story,
        intent: shim::Intent,
    ) -> Option<(Generation, Anchor)> {
        let anchor = story.shim.as_ref()?;
        let mut patience = Patience::default();
        let reached = loop {
            match Shim::reach(&self.folder, anchor, &intent).await {
                Ok(reached) => break reached,
                Err(error) => patience.after("a shim on record", &error).await,
            }
        };
        if let Some((shim, sockets)) = reached {
            self.shim = Some(shim);
            self.keep_sockets(sockets).await;
        }
        fail_point!("adopt.linked");
        let said = self.greeting_of_slow(story).await;
        fail_point!("adopt.greeted");
        match said {
            Said::Runs(generation, anchor) => Some((generation, anchor)),
            Said::Nothing => None,
            Said::Over => match timeout(LEAVING, self.send_away()).await {
                Ok(Some(runs)) => Some(runs),
                Ok(None) => {
                    self.shim = None;
                    None
                }
                Err(_) => None,
            },
        }
    }

    /// The first word about the newest start. One that says nothing is judged by its record: at once
    /// when what that tells of lives, which says enough, or when it is stopped; when it is only slow,
    /// after a while.
    async fn greeting_of_slow(&mut self, story: &intent::Story) -> Said {
        let begun = Instant::now();
        let mut known = false;
        loop {
            if let Ok(said) = timeout(GREETING, self.greeting(&mut known)).await {
                return said;
            }
            let lives = match story.running() {
                Some((_, anchor)) => self.lives(anchor).await,
                None => false,
            };
            let at_work = self.shim.as_ref().is_some_and(Shim::is_at_work);
            if lives || !at_work || begun.elapsed() > SLOW {
                return Said::Nothing;
            }
        }
    }

    /// The first word about the newest start. `known` once it has said that it is the right shim:
    /// so that it may be dropped and called again.
    async fn greeting(&mut self, known: &mut bool) -> Said {
        loop {
            let line = match &mut self.shim {
                Some(shim) if shim.linked() => shim.line().await,
                _ => None,
            };
            match line {
                Some(Line::Shim { nonce, .. }) if Some(&nonce) == self.nonce.as_ref() => {
                    *known = true;
                }
                Some(Line::Started {
                    generation,
                    pid,
                    start_ticks,
                    ..
                }) if *known => {
                    return Said::Runs(Generation(generation), self.anchor(pid, start_ticks));
                }
                Some(Line::Failed { .. } | Line::Exited { .. }) if *known => return Said::Over,
                _ => return Said::Nothing,
            }
        }
    }

    /// Waits until a shim without a service has gone, or has made one after all.
    async fn send_away(&mut self) -> Option<(Generation, Anchor)> {
        let shim = self.shim.as_mut()?;
        // One that does not hear is waited for, and then judged by its record.
        shim.tell(Command::Quit).await;
        while shim.linked() {
            if let Some(Line::Started {
                generation,
                pid,
                start_ticks,
                ..
            }) = shim.line().await
            {
                return Some((Generation(generation), self.anchor(pid, start_ticks)));
            }
        }
        shim.ended().await;
        None
    }
}
