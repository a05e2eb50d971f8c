//! Reading what is there: the last lines of several logs, or all from some place on, in the order
//! of time.

use crate::fail::Done;
use crate::place::Scene;
use api::requests::LogsRequest;
use model::view::{LogLevel, LogLine, LogPage};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most lines in one question, and least where many logs are read side by side.
const PAGE: usize = 2_000;
const LEAST_PAGE: usize = 50;
/// Lines that are held of all logs together while they are put in order.
const HELD: usize = 100_000;

/// Which lines.
pub(super) struct Wanted {
    pub(super) instances: Vec<InstanceId>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) grep: Option<String>,
    pub(super) level: Option<LogLevel>,
    pub(super) from: Option<u64>,
    /// Leave to see secrets.
    pub(super) reveal: Option<String>,
}

impl Wanted {
    /// Whose they are.
    pub(super) fn services(&self) -> Vec<ServiceName> {
        let all: BTreeSet<_> = self.instances.iter().map(|id| id.service.clone()).collect();
        all.into_iter().collect()
    }

    pub(super) fn request(&self, cluster: &ClusterId, instance: &InstanceId) -> LogsRequest {
        LogsRequest {
            cluster: cluster.clone(),
            instance: instance.clone(),
            before: None,
            after: self.from,
            limit: None,
            since: self.since,
            until: self.until,
            grep: self.grep.clone(),
            text: None,
            level: self.level,
            reveal: self.reveal.clone(),
        }
    }
}

/// Where each log was read to: follow from there.
pub(super) type Places = BTreeMap<InstanceId, u64>;

/// The last `tail` lines of each instance in the order of time. Who follows wants no line that is
/// still being written (`whole`): it comes when it is finished.
pub(super) async fn last_lines(
    scene: &Scene,
    wanted: &Wanted,
    tail: usize,
    whole: bool,
) -> Done<(Vec<LogLine>, Places)> {
    let (mut parts, mut places) = (Vec::new(), Places::new());
    for instance in &wanted.instances {
        let mut request = wanted.request(&scene.cluster.id, instance);
        let mut pages: Vec<Vec<LogLine>> = Vec::new();
        let mut missing = tail;
        loop {
            request.limit = Some(u32::try_from(missing.clamp(1, PAGE)).unwrap_or(1));
            let mut page: LogPage = scene.client.call("logs", &request).await?;
            let end = *places.entry(instance.clone()).or_insert(page.whole);
            page.lines.retain(|line| !whole || line.end <= end);
            missing = missing.saturating_sub(page.lines.len());
            pages.push(page.lines);
            if missing == 0 || !page.more {
                break;
            }
            request.before = Some(page.next);
        }
        let mut lines: Vec<LogLine> = pages.into_iter().rev().flatten().collect();
        lines.drain(..lines.len().saturating_sub(tail));
        parts.push(lines);
    }
    Ok((in_order(parts), places))
}

/// Lines of several instances as one log. Each instance's own order stays; a line without a time
/// goes with the one before it.
fn in_order(parts: Vec<Vec<LogLine>>) -> Vec<LogLine> {
    let mut timed: Vec<(i64, LogLine)> = Vec::new();
    for part in parts {
        let mut latest = i64::MIN;
        for line in part {
            latest = latest.max(time(&line));
            timed.push((latest, line));
        }
    }
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, line)| line).collect()
}

fn time(line: &LogLine) -> i64 {
    line.at.map_or(i64::MIN, |at| at.0)
}

/// All lines of several logs from some place on, in the order of time. A page of each is held, so
/// they may be as long as they like.
pub(super) struct Merged<'a> {
    scene: &'a Scene,
    logs: Vec<Reading>,
    limit: usize,
    whole: bool,
}

/// How far one log was read.
struct Reading {
    request: LogsRequest,
    lines: VecDeque<LogLine>,
    /// What was written when the reading began; the log may grow faster than it is read.
    end: Option<u64>,
    place: u64,
    done: bool,
    latest: i64,
}

impl<'a> Merged<'a> {
    pub(super) fn open(scene: &'a Scene, wanted: &Wanted, whole: bool) -> Self {
        let logs = wanted.instances.iter().map(|instance| {
            let mut request = wanted.request(&scene.cluster.id, instance);
            request.after = Some(wanted.from.unwrap_or(0));
            Reading {
                request,
                lines: VecDeque::new(),
                end: None,
                place: 0,
                done: false,
                latest: i64::MIN,
            }
        });
        Self {
            scene,
            logs: logs.collect(),
            limit: (HELD / wanted.instances.len().max(1)).clamp(LEAST_PAGE, PAGE),
            whole,
        }
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> Done<Option<LogLine>> {
        for log in &mut self.logs {
            while log.lines.is_empty() && !log.done {
                log.read(self.scene, self.limit, self.whole).await?;
            }
        }
        let first = self
            .logs
            .iter_mut()
            .filter_map(|log| Some((log.latest.max(time(log.lines.front()?)), log)))
            .min_by_key(|(at, _)| *at);
        Ok(first.and_then(|(at, log)| {
            log.latest = at;
            log.lines.pop_front()
        }))
    }

    /// Where each log was read to.
    pub(super) fn places(self) -> Places {
        let place = |log: Reading| (log.request.instance, log.place);
        self.logs.into_iter().map(place).collect()
    }
}

impl Reading {
    async fn read(&mut self, scene: &Scene, limit: usize, whole: bool) -> Done {
        self.request.limit = u32::try_from(limit).ok();
        let asked = self.request.after.unwrap_or(0);
        let mut page: LogPage = scene.client.call("logs", &self.request).await?;
        let end = *self
            .end
            .get_or_insert(if whole { page.whole } else { page.end });
        page.lines.retain(|line| line.end <= end);
        self.done = page.next >= end;
        // All up to the end may have gone meanwhile: whoever follows from here is told how much.
        let came = page.lines.last().map_or(asked, |line| line.end);
        self.place = if page.begin > end {
            came
        } else {
            page.next.min(end)
        };
        self.request.after = Some(page.next);
        self.lines = page.lines.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(instance: &str, at: Option<i64>, text: &str) -> LogLine {
        LogLine {
            offset: 0,
            end: 0,
            missed: None,
            skipped: None,
            level: None,
            at: at.map(Timestamp),
            instance: instance.parse().unwrap(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn logs_of_several_instances_become_one_in_the_order_of_time() {
        let api = vec![
            line("api.0", Some(1), "a1"),
            line("api.0", None, "a1 goes on"),
            line("api.0", Some(4), "a4"),
        ];
        let db = vec![
            line("db.0", Some(2), "d2"),
            line("db.0", Some(1), "d1 late clock"),
            line("db.0", Some(5), "d5"),
        ];
        let texts: Vec<String> = in_order(vec![api, db])
            .into_iter()
            .map(|line| line.text)
            .collect();
        assert_eq!(
            texts,
            ["a1", "a1 goes on", "d2", "d1 late clock", "a4", "d5"]
        );
    }
}
