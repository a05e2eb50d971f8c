//! How services have been over the last minutes, hours and days: response time, errors, uptime.

use model::status::Window;
use model::{ClusterId, InstanceId, ServiceName, State, Timestamp};
use std::collections::BTreeMap;
use store::{IncidentFilter, Measured, SPANS, Store};

/// Most changes of state that are looked at: a hundred of each of five hundred instances. Of a cluster
/// with more the oldest are missing, and that time counts as not known.
const MAX_STATES: u32 = 50_000;
/// Most incidents that are looked at for when their faults began: as many as are kept.
const MAX_INCIDENTS: u32 = 10_000;
/// A change of state that comes with an incident is noted this much later at most, unless the disk hangs.
const NOTED: i64 = 2_000;
/// An engine notes that it is there once a minute, and somewhat later when the disk is slow. What lies
/// further apart was not watched: there was none, or the machine slept.
const UNWATCHED: i64 = 150_000;

/// The windows of a service, and of each of its instances, in the order of [`SPANS`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceWindows {
    /// Of all its instances together.
    pub windows: Vec<Window>,
    /// Of each.
    pub instances: BTreeMap<InstanceId, Vec<Window>>,
}

/// How the services of a cluster have been until `now`, or this one of them. `since` is when this
/// engine began.
///
/// # Errors
/// When the store cannot be read.
pub async fn windows(
    store: &Store,
    cluster: &ClusterId,
    service: Option<&ServiceName>,
    since: Timestamp,
    now: Timestamp,
) -> Result<BTreeMap<ServiceName, ServiceWindows>, store::Error> {
    let from = Timestamp(now.0 - SPANS.into_iter().max().unwrap_or(0));
    let measured = store.samples().windows(cluster, service, now).await?;
    let states = store
        .events()
        .all_states(cluster, service, from, now, MAX_STATES)
        .await?;
    let minutes = store.samples().watched(from, now).await?;
    let watched = watched(&minutes, since, now);
    let mut services: BTreeMap<ServiceName, Parts> = BTreeMap::new();
    for (instance, windows) in measured {
        let parts = services.entry(instance.service.clone()).or_default();
        parts.instances.entry(instance).or_default().measured = windows;
    }
    let filter = IncidentFilter {
        cluster: Some(cluster.clone()),
        service: service.cloned(),
        since: Some(from),
        limit: MAX_INCIDENTS,
        ..IncidentFilter::default()
    };
    for incident in store.incidents().list(&filter).await? {
        if let Some(began) = incident.began {
            let parts = services.entry(incident.service).or_default();
            let part = parts.instances.entry(incident.instance).or_default();
            part.unseen.push((began.0, incident.opened.0));
        }
    }
    for (instance, changes) in states {
        let parts = services.entry(instance.service.clone()).or_default();
        let part = parts.instances.entry(instance).or_default();
        part.stretches(&changes, now);
    }
    let summed = services
        .into_iter()
        .map(|(service, parts)| (service, parts.sum(&watched, now)));
    Ok(summed.collect())
}

/// A stretch of time: after the first, up to the second.
type Stretch = (i64, i64);

#[derive(Default)]
struct Part {
    measured: store::Windows,
    /// It served.
    up: Vec<Stretch>,
    /// It had failed already, and nobody knew.
    unseen: Vec<Stretch>,
    /// It should have served, whether it did or not.
    wanted: Vec<Stretch>,
}

#[derive(Default)]
struct Parts {
    instances: BTreeMap<InstanceId, Part>,
}

impl Part {
    fn stretches(&mut self, changes: &[(Timestamp, State)], now: Timestamp) {
        let ends = changes.iter().skip(1).map(|(at, _)| at.0).chain([now.0]);
        // Nobody calls it an outage that what was just switched on takes its time to come up.
        let mut begins = true;
        for ((from, state), to) in changes.iter().zip(ends) {
            let Some(serves) = serves(*state) else {
                begins = true;
                continue;
            };
            begins &= matches!(state, State::Waiting | State::Starting | State::Running);
            if begins {
                continue;
            }
            let stretch = (from.0, to);
            self.wanted.push(stretch);
            if serves {
                self.up.push(stretch);
            }
        }
        // What is slow under load, and the like, has an incident and serves.
        let mut unseen = std::mem::take(&mut self.unseen);
        unseen.retain(|(_, opened)| fails_at(changes, *opened));
        let unseen = merged(unseen);
        self.up = without(&merged(std::mem::take(&mut self.up)), &unseen);
    }
}

/// It does not serve when an incident is opened then, or comes not to with it.
fn fails_at(changes: &[(Timestamp, State)], opened: i64) -> bool {
    let ends = changes.iter().skip(1).map(|(at, _)| at.0);
    let stretches = changes.iter().zip(ends.chain([i64::MAX]));
    let mut near = stretches.filter(|((from, _), to)| from.0 <= opened + NOTED && *to > opened);
    near.any(|((_, state), _)| serves(*state) == Some(false))
}

impl Parts {
    fn sum(self, watched: &[Stretch], now: Timestamp) -> ServiceWindows {
        let mut whole = Part::default();
        let mut instances = BTreeMap::new();
        for (id, part) in self.instances {
            for (sum, one) in whole.measured.iter_mut().zip(&part.measured) {
                sum.merge(one);
            }
            whole.up.extend(&part.up);
            whole.wanted.extend(&part.wanted);
            instances.insert(id, shown(part, watched, now));
        }
        ServiceWindows {
            windows: shown(whole, watched, now),
            instances,
        }
    }
}

fn shown(part: Part, watched: &[Stretch], now: Timestamp) -> Vec<Window> {
    let up = common(&merged(part.up), watched);
    let wanted = common(&merged(part.wanted), watched);
    SPANS
        .iter()
        .zip(&part.measured)
        .map(|(span, measured)| {
            let wanted = length(&wanted, now.0 - span);
            let up = length(&up, now.0 - span);
            window(
                *span,
                measured,
                (wanted > 0).then(|| up as f32 / wanted as f32),
            )
        })
        .collect()
}

fn window(span: i64, measured: &Measured, uptime: Option<f32>) -> Window {
    let millis = |micros: u64| micros as f32 / 1_000.0;
    // A quantile is told to within some percent; none is above the highest there was.
    let highest = measured.highest;
    let quantile = |share| {
        let told = measured.latencies.quantile(share)?;
        Some(millis(highest.map_or(told, |highest| told.min(highest))))
    };
    let count = |many: u64| u32::try_from(many).unwrap_or(u32::MAX);
    Window {
        span_ms: u64::try_from(span).unwrap_or(0),
        probes: count(measured.probes),
        failed: count(measured.failed),
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        max_ms: highest.map(millis),
        uptime,
    }
}

/// Whether it serves in this state; `None` where nobody wants it to.
fn serves(state: State) -> Option<bool> {
    match state {
        State::Ready | State::Degraded => Some(true),
        State::Waiting
        | State::Starting
        | State::Running
        | State::Failing
        | State::Recovering
        | State::Quarantined => Some(false),
        State::Stopping | State::Stopped | State::Completed | State::Scheduled => None,
    }
}

/// When an engine was there, from the minutes in which one was noted to be.
fn watched(minutes: &[Timestamp], since: Timestamp, now: Timestamp) -> Vec<Stretch> {
    let mut seen: Vec<i64> = minutes.iter().map(|at| at.0).collect();
    seen.extend([since.0.min(now.0), now.0]);
    seen.sort_unstable();
    let near = seen.windows(2).filter_map(|pair| match pair {
        [one, next] if next - one <= UNWATCHED => Some((*one, *next)),
        _ => None,
    });
    merged(near.collect())
}

/// The same time in stretches that do not touch, in order.
fn merged(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_unstable();
    let mut merged: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for (from, to) in stretches {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What both hold; each in order and without stretches that touch.
fn common(one: &[Stretch], other: &[Stretch]) -> Vec<Stretch> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut both = Vec::new();
    while let (Some(a), Some(b)) = (one.peek(), other.peek()) {
        let (from, to) = (a.0.max(b.0), a.1.min(b.1));
        if from < to {
            both.push((from, to));
        }
        if a.1 <= b.1 {
            one.next();
        } else {
            other.next();
        }
    }
    both
}

/// What one holds and the other does not; each in order and without stretches that touch.
fn without(one: &[Stretch], other: &[Stretch]) -> Vec<Stretch> {
    let mut left = Vec::new();
    for (from, to) in one {
        let mut from = *from;
        for (begin, end) in other {
            if *end <= from || begin >= to {
                continue;
            }
            if *begin > from {
                left.push((from, *begin));
            }
            from = *end;
        }
        if from < *to {
            left.push((from, *to));
        }
    }
    left
}

/// How much of it comes after `from`.
fn length(stretches: &[Stretch], from: i64) -> i64 {
    let after = stretches
        .iter()
        .map(|(begin, end)| end - (*begin).max(from));
    after.filter(|length| *length > 0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;

    fn uptime(changes: &[&[(i64, State)]], watched: &[Stretch], now: i64) -> Vec<Option<f32>> {
        let mut parts = Parts::default();
        for (index, changes) in (0..).zip(changes) {
            let changes: Vec<_> = changes
                .iter()
                .map(|(at, state)| (Timestamp(*at), *state))
                .collect();
            let id = InstanceId::new("api".parse().unwrap(), index);
            let part = parts.instances.entry(id).or_default();
            part.stretches(&changes, Timestamp(now));
        }
        let sum = parts.sum(watched, Timestamp(now));
        sum.windows.iter().map(|one| one.uptime).collect()
    }

    #[test]
    fn uptime_is_the_share_of_the_wanted_time_it_served() {
        let always = [(-1_000 * HOUR, 1_000 * HOUR)];
        let now = 10 * HOUR;
        let changes = [
            (0, State::Starting),
            (3 * MINUTE, State::Ready),
            (now - 6 * MINUTE, State::Failing),
            (now - 3 * MINUTE, State::Degraded),
        ];
        let seen = uptime(&[&changes], &always, now);
        // It was wanted for 3 minutes less than 10 h: a start that goes well is no outage.
        let all = Some(594.0 / 597.0);
        assert_eq!(seen, [Some(0.6), Some(57.0 / 60.0), all, all]);
    }

    #[test]
    fn what_had_failed_before_anybody_knew_did_not_serve() {
        let now = 10 * MINUTE;
        let mut part = Part::default();
        // It hung for a minute before that was detected, and a crash was seen at once.
        let unseen = [(4, 5), (7, 7), (20, 21)];
        part.unseen = unseen.map(|(a, b)| (a * MINUTE, b * MINUTE)).to_vec();
        let changes = [
            (0, State::Ready),
            (5, State::Failing),
            (6, State::Ready),
            (7, State::Recovering),
            (8, State::Ready),
        ];
        let changes = changes.map(|(at, state)| (Timestamp(at * MINUTE), state));
        part.stretches(&changes, Timestamp(now));
        let up = [(0, 4), (6, 7), (8, 10)].map(|(a, b)| (a * MINUTE, b * MINUTE));
        assert_eq!(part.up, up);
        assert_eq!(length(&merged(part.wanted), 0), now);
    }

    #[test]
    fn what_served_all_along_was_up_whatever_its_incident_says() {
        let mut part = Part::default();
        // Slow under load, then hung: the step that says so ends a little after it has begun.
        let unseen = [(1_000, 3_000), (80_000, 90_000)];
        part.unseen = unseen.to_vec();
        let changes = [
            (0, State::Ready),
            (3_002, State::Degraded),
            (9_000, State::Ready),
            (90_003, State::Failing),
        ];
        let changes = changes.map(|(at, state)| (Timestamp(at), state));
        part.stretches(&changes, Timestamp(100_000));
        assert_eq!(part.up, [(0, 80_000), (90_000, 90_003)]);
    }

    #[test]
    fn a_start_that_fails_is_an_outage() {
        let now = 10 * MINUTE;
        let always = [(-HOUR, HOUR)];
        let never = [
            (0, State::Starting),
            (2 * MINUTE, State::Failing),
            (3 * MINUTE, State::Starting),
        ];
        assert_eq!(uptime(&[&never], &always, now)[1], Some(0.0));
        let restarted = [
            (0, State::Ready),
            (5 * MINUTE, State::Stopping),
            (6 * MINUTE, State::Starting),
            (7 * MINUTE, State::Ready),
        ];
        assert_eq!(uptime(&[&restarted], &always, now)[1], Some(1.0));
    }

    #[test]
    fn time_nobody_wanted_it_or_saw_it_counts_for_nothing() {
        let now = 10 * HOUR;
        let changes = [
            (0, State::Ready),
            (HOUR, State::Stopped),
            (9 * HOUR, State::Quarantined),
        ];
        let always = [(-HOUR, 1_000 * HOUR)];
        let stopped = uptime(&[&changes], &always, now);
        assert_eq!(stopped, [Some(0.0), Some(0.0), Some(0.5), Some(0.5)]);
        let away = [(HOUR / 2, HOUR), (9 * HOUR, 9 * HOUR + HOUR / 2)];
        assert_eq!(
            uptime(&[&changes], &away, now),
            [None, Some(0.0), Some(0.5), Some(0.5)]
        );
        assert_eq!(uptime(&[&[]], &always, now), [None; 4]);
        let done = [(0, State::Completed)];
        assert_eq!(uptime(&[&done], &always, now), [None; 4]);
    }

    #[test]
    fn a_service_is_up_while_one_of_its_instances_is() {
        let now = 2 * HOUR;
        let always = [(-HOUR, 1_000 * HOUR)];
        let one = [(0, State::Ready), (now - 40 * MINUTE, State::Failing)];
        let other = [
            (0, State::Failing),
            (now - 60 * MINUTE, State::Ready),
            (now - 20 * MINUTE, State::Waiting),
        ];
        let both = uptime(&[&one, &other], &always, now);
        assert_eq!(both[1], Some(40.0 / 60.0));
        assert_eq!(both[2], Some(100.0 / 120.0));
    }

    #[test]
    fn an_engine_was_there_between_minutes_that_are_near() {
        let minutes = [0, 1, 2, 10, 11].map(|minute| Timestamp(minute * MINUTE));
        let seen = |since: i64, now: i64| {
            watched(&minutes, Timestamp(since * MINUTE), Timestamp(now * MINUTE))
        };
        let minute = |(from, to): Stretch| (from / MINUTE, to / MINUTE);
        let seen = |since, now| seen(since, now).into_iter().map(minute).collect::<Vec<_>>();
        assert_eq!(seen(9, 12), [(0, 2), (9, 12)]);
        assert_eq!(seen(0, 12), [(0, 2), (10, 12)]);
        // A clock that went back.
        assert_eq!(seen(40, 12), [(0, 2), (10, 12)]);
    }

    #[test]
    fn what_two_lists_share_is_found_in_one_walk() {
        let one = [(0, 10), (20, 30), (40, 50)];
        let other = [(5, 25), (28, 45)];
        assert_eq!(
            common(&one, &other),
            [(5, 10), (20, 25), (28, 30), (40, 45)]
        );
        assert_eq!(common(&one, &[]), []);
        assert_eq!(merged(vec![(5, 9), (0, 2), (2, 6)]), [(0, 9)]);
        assert_eq!(length(&one, 25), 15);
    }
}
