//! Incidents over engines, and the questions people ask about them.

use crate::clock::Clock;
use crate::shared::Shared;
use crate::{Error, Handle};
use model::healed::Healed;
use model::{
    EntryKind, Incident, IncidentEntry, IncidentId, IncidentState, IncidentStory, Timestamp,
};
use std::sync::Arc;
use store::{IncidentFilter, Store};

/// Incidents that a summary looks at: as many as are kept.
const SUMMED: u32 = 10_000;
/// Acts of healing that it looks at: a service that is restarted every minute for two months.
const ACTS: u32 = 100_000;

/// The incidents a snapshot begins with: all that go on, and the last `limit`. Those that were open
/// when the last engine ended go on when their clusters are adopted.
pub(crate) async fn left_behind(store: &Store, limit: u32) -> Result<Vec<Incident>, Error> {
    let mut all = store.incidents().recent(limit).await?;
    let open = store.incidents().open().await?;
    all.retain(|one| !open.iter().any(|open| open.id == one.id));
    all.extend(open);
    Ok(all)
}

/// Nobody goes on with an incident whose cluster is not there any more.
pub(crate) fn close_orphans(shared: &Shared) {
    for mut incident in shared.picture.unended(None) {
        if shared.owner(&incident.cluster).is_ok() {
            continue;
        }
        let now = Clock::wall();
        incident.entries = incident.entries.saturating_add(1);
        let ended = IncidentEntry {
            n: incident.entries,
            at: now,
            kind: EntryKind::Ended,
            text: "the engine ended meanwhile, and its cluster is not there any more".into(),
            services: Vec::new(),
            act: None,
        };
        incident.state = IncidentState::Closed;
        incident.resolved = Some(now);
        incident.duration_ms = Some(now.millis_since(incident.opened));
        incident.waits = None;
        shared.journal.incident(incident, vec![ended]);
    }
}

impl Handle {
    /// Incidents that the filter leaves, newest first.
    pub async fn incidents(&self, filter: IncidentFilter) -> Result<Vec<Incident>, Error> {
        self.shared.journal.flush().await;
        Ok(self.shared.store.incidents().list(&filter).await?)
    }

    /// An incident with its timeline.
    pub async fn incident(&self, id: IncidentId) -> Result<IncidentStory, Error> {
        let shared = Arc::clone(&self.shared);
        shared.journal.flush().await;
        // What cannot be written down just now is shown all the same.
        let shown = shared.picture.incident(id);
        let incident = match shown {
            Some(shown) => shown,
            None => {
                let kept = shared.store.incidents().one(id).await?;
                kept.ok_or(Error::NoIncident(id))?
            }
        };
        let timeline = shared.store.incidents().timeline(id).await?;
        Ok(IncidentStory { incident, timeline })
    }

    /// What healing has done since then, of the incidents that the filter leaves.
    pub async fn healed(
        &self,
        since: Timestamp,
        mut filter: IncidentFilter,
    ) -> Result<Healed, Error> {
        (filter.since, filter.limit) = (Some(since), SUMMED);
        let mut acts = self.shared.store.acts().healing(since, ACTS).await?;
        acts.retain(|act| {
            let service = filter.service.as_ref();
            (filter.cluster.is_none() || filter.cluster == act.target.cluster)
                && service.is_none_or(|of| act.target.services.contains(of))
        });
        let incidents = self.incidents(filter).await?;
        Ok(Healed::of(&incidents, &acts, since, Clock::wall()))
    }
}
