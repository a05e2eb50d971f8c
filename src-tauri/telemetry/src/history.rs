//! The history of an instance, put together for a chart.

use model::view::{History, HistoryPoint};
use model::{Act, ClusterId, InstanceId, State, Target, Timestamp, Verb};
use store::Store;

/// Most buckets a chart is given.
const MAX_BUCKETS: u32 = 2_000;
/// Longest range, in milliseconds: what is kept.
const MAX_RANGE: u64 = 7 * 24 * 3_600 * 1_000;
/// Most changes of state that are looked at.
const MAX_STATES: u32 = 10_000;
/// Most incidents whose remedies are marked.
const MAX_INCIDENTS: u32 = 200;
/// Most acts that are looked through for those that concern the instance.
const MAX_ACTS: u32 = 500;

/// What was measured of an instance in the `range_ms` milliseconds up to `now`, which may have passed.
///
/// # Errors
/// When the store cannot be read.
pub async fn history(
    store: &Store,
    cluster: &ClusterId,
    instance: &InstanceId,
    now: Timestamp,
    range_ms: u64,
    buckets: u32,
) -> Result<History, store::Error> {
    let buckets = buckets.clamp(1, MAX_BUCKETS);
    let range = i64::try_from(range_ms.clamp(u64::from(buckets), MAX_RANGE)).unwrap_or(i64::MAX);
    let from = Timestamp(now.0 - range);
    let measured = store
        .samples()
        .range(cluster, instance, from, now, buckets)
        .await?;
    let states = store
        .events()
        .states(cluster, instance, from, now, MAX_STATES)
        .await?;
    let length = range / i64::from(buckets);
    let mut band = Band::new(&states);
    let points = measured
        .into_iter()
        .map(|bucket| HistoryPoint {
            at: bucket.end,
            latency_ms: bucket.median_us.map(millis),
            latency_max_ms: bucket.highest_us.map(millis),
            failed: bucket.failed,
            probes: bucket.probes,
            state: band.worst(Timestamp(bucket.end.0 - length), bucket.end),
            cpu: bucket.cpu,
            memory: bucket.memory,
        })
        .collect();
    let incidents = store
        .incidents()
        .of_instance(cluster, instance, from, now, MAX_INCIDENTS)
        .await?;
    let mut marks: Vec<(Timestamp, String)> = incidents
        .into_iter()
        .flat_map(|incident| incident.actions)
        .filter(|action| action.at >= from && action.at <= now)
        .map(|action| {
            (
                action.at,
                format!("{}: {}", action.kind.as_str(), action.detail),
            )
        })
        .collect();
    marks.sort();
    let mut acts = store.acts().asked(cluster, from, now, MAX_ACTS).await?;
    acts.retain(|act| concerns(act, instance));
    Ok(History {
        bucket_ms: u64::try_from(length).unwrap_or(0),
        points,
        marks,
        acts,
    })
}

/// The act was done to this instance, to its service, to all of its cluster or of the home, and may have
/// changed how it is.
fn concerns(act: &Act, instance: &InstanceId) -> bool {
    if !changes(act.verb) {
        return false;
    }
    let Target {
        services,
        instance: one,
        ..
    } = &act.target;
    (services.is_empty() || services.contains(&instance.service))
        && one.as_ref().is_none_or(|one| one == instance)
}

/// It starts, stops or holds something, or applies a definition. Who takes a terminal, wants no notifications, or
/// forgets a cluster that is down, changes nothing that a chart shows.
fn changes(verb: Verb) -> bool {
    match verb {
        Verb::Up
        | Verb::Down
        | Verb::Start
        | Verb::Stop
        | Verb::Restart
        | Verb::Scale
        | Verb::Hold
        | Verb::Unhold
        | Verb::Autonomy
        | Verb::Release
        | Verb::Rollback
        | Verb::Quarantine
        | Verb::EmergencyStop
        | Verb::Resume => true,
        Verb::Mute
        | Verb::Unmute
        | Verb::Register
        | Verb::Deregister
        | Verb::WriteKey
        | Verb::Forget
        | Verb::Attach
        | Verb::TestWebhook
        | Verb::Request
        | Verb::Shutdown
        | Verb::Approve
        | Verb::Deny
        | Verb::Reveal
        | Verb::AddAgent
        | Verb::RemoveAgent => false,
    }
}

fn millis(micros: u64) -> f32 {
    micros as f32 / 1_000.0
}

/// Walks along the changes of state, oldest first.
struct Band<'a> {
    changes: &'a [(Timestamp, State)],
    /// The state at the end of the last bucket.
    now: State,
}

impl<'a> Band<'a> {
    fn new(changes: &'a [(Timestamp, State)]) -> Self {
        Self {
            changes,
            now: State::Stopped,
        }
    }

    /// The worst state after `from` and up to `to`. Asked for one bucket after the other.
    fn worst(&mut self, from: Timestamp, to: Timestamp) -> State {
        let mut worst = None;
        while let Some(((at, state), rest)) = self.changes.split_first() {
            if *at > to {
                break;
            }
            if *at > from {
                // What it was in when the bucket began counts as well.
                worst = Some(worse(worst.unwrap_or(self.now), *state));
            }
            self.now = *state;
            self.changes = rest;
        }
        worst.unwrap_or(self.now)
    }
}

fn worse(one: State, other: State) -> State {
    if badness(one) >= badness(other) {
        one
    } else {
        other
    }
}

/// How bad a state is: the higher, the worse.
pub fn badness(state: State) -> u8 {
    match state {
        State::Quarantined => 9,
        State::Failing => 8,
        State::Recovering => 7,
        State::Degraded => 6,
        State::Starting => 5,
        State::Waiting => 4,
        State::Running => 3,
        State::Stopping => 2,
        State::Stopped => 1,
        State::Ready | State::Completed | State::Scheduled => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_shows_its_worst_state_and_the_next_one_the_state_it_ended_in() {
        let changes = [
            (Timestamp(5), State::Ready),
            (Timestamp(12), State::Failing),
            (Timestamp(18), State::Ready),
        ];
        let mut band = Band::new(&changes);
        let seen: Vec<State> = [(0, 10), (10, 20), (20, 30)]
            .into_iter()
            .map(|(from, to)| band.worst(Timestamp(from), Timestamp(to)))
            .collect();
        assert_eq!(seen, [State::Stopped, State::Failing, State::Ready]);
    }
}
