//! Follows the engine's feed on behalf of the desktop: what the tray shows, what a person is told.

use crate::notify::{Moment, Notifier};
use crate::screen::Screen;
use crate::tray;
use api::model::view::{Change, ClusterView, Delta, Snapshot};
use api::model::{ClusterId, ClusterName, Mono, Mute, Overall};
use engine::Handle;
use std::time::Duration;
use tauri::{AppHandle, Manager, Runtime};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

/// The tray is redrawn at most so often; a start of 150 services changes the picture 600 times.
const REDRAW: Duration = Duration::from_millis(250);

/// One cluster, as the tray shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterLine {
    pub(crate) id: ClusterId,
    pub(crate) name: ClusterName,
    pub(crate) reason: String,
    pub(crate) overall: Overall,
    pub(crate) held: bool,
}

/// The home, as the tray shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) overall: Overall,
    pub(crate) clusters: Vec<ClusterLine>,
    /// What no notification is shown of.
    pub(crate) mutes: Vec<Mute>,
}

impl Default for Picture {
    fn default() -> Self {
        Self {
            overall: Overall::Stopped,
            clusters: Vec::new(),
            mutes: Vec::new(),
        }
    }
}

impl Picture {
    /// Healing is held everywhere.
    pub(crate) fn held(&self) -> bool {
        !self.clusters.is_empty() && self.clusters.iter().all(|cluster| cluster.held)
    }

    /// The mute of everything, if there is one.
    pub(crate) fn muted(&self) -> Option<&Mute> {
        self.mutes.iter().find(|one| one.is_of(None, None))
    }

    /// Something would be left running, or be stopped, by quitting.
    pub(crate) fn runs(&self) -> bool {
        self.clusters
            .iter()
            .any(|cluster| cluster.overall != Overall::Stopped)
    }

    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        Self {
            overall: snapshot.overall,
            clusters: snapshot.clusters.iter().map(line).collect(),
            mutes: snapshot.mutes.clone(),
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Cluster { cluster, overall } => {
                self.overall = *overall;
                let line = line(cluster);
                match self.clusters.iter_mut().find(|known| known.id == line.id) {
                    Some(known) => *known = line,
                    None => self.clusters.push(line),
                }
            }
            Change::ClusterState {
                cluster,
                state,
                reason,
                held,
                overall,
                held_until: _,
                autonomy: _,
            } => {
                self.overall = *overall;
                let known = self.clusters.iter_mut().find(|known| known.id == *cluster);
                if let Some(known) = known {
                    (known.overall, known.held) = (*state, *held);
                    known.reason.clone_from(reason);
                }
            }
            Change::ClusterRemoved { cluster } => {
                self.clusters.retain(|known| known.id != *cluster)
            }
            Change::Mutes { mutes } => self.mutes.clone_from(mutes),
            _ => {}
        }
    }
}

fn line(cluster: &ClusterView) -> ClusterLine {
    ClusterLine {
        id: cluster.id.clone(),
        name: cluster.name.clone(),
        reason: cluster.reason.clone(),
        overall: cluster.overall,
        held: cluster.held,
    }
}

/// Runs until the engine lets go of its home.
pub(crate) async fn follow<R: Runtime>(app: AppHandle<R>, engine: Handle) {
    let began = Instant::now();
    let mono = || Mono(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let due = |at: Mono| began + Duration::from_millis(at.0);

    let screen = app.state::<Screen>();
    let mut notifier = Notifier::new(engine.notifications());
    let (snapshot, mut changes) = engine.feed();
    notifier.already_over(&snapshot.incidents);
    notifier.mutes(&snapshot.mutes);
    let mut picture = Picture::of(&snapshot);
    drop(snapshot);
    tray::update(&app, &picture);
    let mut redraw: Option<Instant> = None;

    loop {
        let summary = notifier.next().map(due);
        let wake = [redraw, summary].into_iter().flatten().min();
        tokio::select! {
            change = changes.recv() => match change {
                Ok(delta) => {
                    seen(&screen, &delta, &mut picture, &mut notifier, moment(mono()));
                    if matches!(
                        delta.change,
                        Change::Cluster { .. }
                            | Change::ClusterState { .. }
                            | Change::ClusterRemoved { .. }
                            | Change::Mutes { .. }
                    ) {
                        redraw.get_or_insert_with(|| Instant::now() + REDRAW);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let (snapshot, again) = engine.feed();
                    changes = again;
                    picture = Picture::of(&snapshot);
                    notifier.mutes(&snapshot.mutes);
                    for incident in snapshot.incidents.iter().rev() {
                        let told = notifier.incident(incident, moment(mono()));
                        told.into_iter().for_each(|tell| screen.tell(tell));
                    }
                    redraw.get_or_insert_with(Instant::now);
                }
                Err(RecvError::Closed) => return,
            },
            () = sleep_until(wake.unwrap_or(began)), if wake.is_some() => {
                if redraw.is_some_and(|at| at <= Instant::now()) {
                    redraw = None;
                    tray::update(&app, &picture);
                }
                let told = notifier.due(moment(mono()));
                told.into_iter().for_each(|tell| screen.tell(tell));
            }
        }
    }
}

fn seen(
    screen: &Screen,
    delta: &Delta,
    picture: &mut Picture,
    notifier: &mut Notifier,
    now: Moment,
) {
    picture.apply(&delta.change);
    match &delta.change {
        Change::Incident { incident } => {
            let told = notifier.incident(incident, now);
            told.into_iter().for_each(|tell| screen.tell(tell));
        }
        Change::Mutes { mutes } => notifier.mutes(mutes),
        Change::Event { event } => {
            let told = notifier.event(&event.what, now);
            told.into_iter().for_each(|tell| screen.tell(tell));
        }
        _ => {}
    }
}

/// Now, with the minute of the day here: quiet hours are hours of a person's clock.
fn moment(mono: Mono) -> Moment {
    let here = jiff::Zoned::now();
    let minute =
        u16::from(here.hour().unsigned_abs()) * 60 + u16::from(here.minute().unsigned_abs());
    Moment { mono, minute }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(id: &str, overall: Overall, held: bool) -> ClusterView {
        ClusterView {
            id: id.parse().unwrap(),
            name: "shop".parse().unwrap(),
            folder: "/shop".into(),
            file: None,
            overall,
            reason: "all 3 ready".into(),
            held,
            held_until: None,
            autonomy: Default::default(),
            services: vec![],
        }
    }

    #[test]
    fn the_picture_follows_clusters_as_they_come_change_and_go() {
        let mut picture = Picture::default();
        assert!(!picture.runs() && !picture.held());
        let up = |overall, held| Change::Cluster {
            cluster: cluster("shop-1", overall, held),
            overall,
        };
        picture.apply(&up(Overall::Starting, false));
        picture.apply(&up(Overall::Degraded, true));
        assert_eq!(
            (picture.overall, picture.clusters.len()),
            (Overall::Degraded, 1)
        );
        assert!(picture.runs() && picture.held());
        picture.apply(&Change::ClusterState {
            cluster: "shop-1".parse().unwrap(),
            state: Overall::Critical,
            reason: "1 failing".into(),
            held: false,
            held_until: None,
            autonomy: Default::default(),
            overall: Overall::Critical,
        });
        assert_eq!(picture.overall, Overall::Critical);
        assert_eq!(picture.clusters[0].reason, "1 failing");
        assert!(picture.runs() && !picture.held());
        picture.apply(&Change::ClusterRemoved {
            cluster: "shop-1".parse().unwrap(),
        });
        assert!(picture.clusters.is_empty());
    }

    #[test]
    fn the_picture_follows_what_is_muted() {
        let mute = |cluster: Option<&str>| Mute {
            cluster: cluster.map(|id| id.parse().unwrap()),
            service: None,
            since: api::model::Timestamp(0),
            until: None,
        };
        let mut picture = Picture::default();
        let mutes = vec![mute(Some("shop-1"))];
        picture.apply(&Change::Mutes { mutes });
        assert!(picture.muted().is_none(), "only a cluster of it is");
        let mutes = vec![mute(None), mute(Some("shop-1"))];
        picture.apply(&Change::Mutes { mutes });
        assert!(picture.muted().is_some());
        picture.apply(&Change::Mutes { mutes: vec![] });
        assert!(picture.muted().is_none() && picture.mutes.is_empty());
    }

    #[test]
    fn healing_counts_as_held_only_when_it_is_held_everywhere() {
        let mut picture = Picture::default();
        for (id, held) in [("a-1", true), ("b-2", false)] {
            let cluster = cluster(id, Overall::Operational, held);
            picture.apply(&Change::Cluster {
                cluster,
                overall: Overall::Operational,
            });
        }
        assert!(!picture.held());
    }
}
