//! Parts of one log, or of several side by side in the order of time, around a place. What a log view shows.

use super::lines::Log;
use super::page::{Filter, LogQuery, Opened, page_of};
use model::view::{LogLine, LogPage, LogPlaces, LogView};
use model::{InstanceId, Timestamp};
use std::io;
use std::path::PathBuf;

/// Most lines of a view.
const MAX_LINES: usize = 5_000;
/// Bytes that are looked through for the lines of a filter, of all logs together, before an answer says how
/// far it came: who waits can let go.
const LOOK: u64 = 128 << 20;
const LEAST_LOOK: u64 = 4 << 20;
/// Halvings of a span of time until it is a matter of a second: ten years are 2^28 of them.
const HALVINGS: usize = 32;

/// Around which place.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// The end: the last lines.
    End,
    /// What comes before these addresses.
    Before(LogPlaces),
    /// What begins at these addresses and behind them.
    After(LogPlaces),
    /// A line of one of the logs, with what was written around it.
    Line(InstanceId, u64),
    /// What was written around a time.
    Time(Timestamp),
    /// So much of all that is kept lies before it: 0 is the beginning, 1 the end.
    Share(f64),
}

/// Which part of which logs.
#[derive(Debug, Clone)]
pub struct ViewQuery {
    /// The logs, and the folder of each.
    pub logs: Vec<(InstanceId, PathBuf)>,
    /// Where.
    pub place: Place,
    /// At most so many lines; 0 is the most there can be.
    pub limit: usize,
    /// Which lines.
    pub filter: Filter,
    /// Not older, to the second.
    pub since: Option<Timestamp>,
    /// Not newer, to the second.
    pub until: Option<Timestamp>,
}

/// Reads it. Logs that are not there yet are empty.
///
/// # Errors
/// When a log cannot be read.
pub fn view(query: &ViewQuery) -> io::Result<LogView> {
    let mut logs = Vec::new();
    for (instance, folder) in &query.logs {
        logs.push(One {
            instance,
            opened: Opened::open(folder)?,
        });
    }
    let limit = match query.limit {
        0 => MAX_LINES,
        limit => limit.min(MAX_LINES),
    };
    let mut view = LogView {
        lines: Vec::new(),
        before: 0,
        from: LogPlaces::new(),
        to: LogPlaces::new(),
        begin: LogPlaces::new(),
        end: LogPlaces::new(),
    };
    for one in &logs {
        let (begin, end) = one.kept()?;
        view.begin.insert(one.instance.clone(), begin);
        view.end.insert(one.instance.clone(), end);
    }
    let (places, older, newer) = match &query.place {
        Place::End => (view.end.clone(), limit, 0),
        Place::Before(places) => (places.clone(), limit, 0),
        Place::After(places) => (places.clone(), 0, limit),
        around => (at(&logs, &view, around)?, limit / 2, limit - limit / 2),
    };
    let place = |one: &One<'_>| {
        let end = view.end.get(one.instance).copied().unwrap_or(0);
        places
            .get(one.instance)
            .map_or(end, |place| (*place).min(end))
    };
    let look = match query.filter.narrows() {
        true => (LOOK / logs.len().max(1) as u64).max(LEAST_LOOK),
        false => 0,
    };
    let ask = |one: &One<'_>, before: bool, limit: usize| -> io::Result<Part> {
        let place = place(one);
        let asked = LogQuery {
            before: before.then_some(place),
            after: (!before).then_some(place),
            limit,
            since: query.since,
            until: query.until,
            filter: query.filter.clone(),
            look,
        };
        let end = view.end.get(one.instance).copied().unwrap_or(0);
        one.part(&asked, place, end)
    };
    let parts = |before: bool, limit: usize| -> io::Result<Vec<Part>> {
        match limit {
            0 => Ok(logs.iter().map(|one| Part::none(place(one))).collect()),
            _ => logs.iter().map(|one| ask(one, before, limit)).collect(),
        }
    };
    let (above, from) = last(parts(true, older)?, older);
    let (below, to) = first(parts(false, newer)?, newer);
    view.before = u32::try_from(above.len()).unwrap_or(u32::MAX);
    view.lines = above;
    view.lines.extend(below);
    for (one, (from, to)) in logs.iter().zip(from.into_iter().zip(to)) {
        view.from.insert(one.instance.clone(), from);
        view.to.insert(one.instance.clone(), to);
    }
    Ok(view)
}

struct One<'a> {
    instance: &'a InstanceId,
    opened: Option<Opened>,
}

impl One<'_> {
    /// Where what is kept begins, and where its last finished line ends.
    fn kept(&self) -> io::Result<(u64, u64)> {
        let Some(opened) = &self.opened else {
            return Ok((0, 0));
        };
        let log = Log::of(&opened.file)?;
        let end = log.whole()?;
        Ok((log.first.min(end), end))
    }

    fn part(&self, query: &LogQuery, place: u64, end: u64) -> io::Result<Part> {
        let Some(opened) = &self.opened else {
            return Ok(Part::none(place));
        };
        let LogPage {
            mut lines,
            next,
            more,
            ..
        } = page_of(opened, self.instance, query)?;
        // What is still being written comes when it is finished.
        lines.retain(|line| line.end <= end);
        let next = next.min(end);
        let goes_on = if query.after.is_some() {
            next < end
        } else {
            more
        };
        let edge = goes_on.then(|| opened.index.time_of(next.max(1)).map_or(0, |at| at.0));
        let mut time = 0;
        let timed = lines.into_iter().map(|line| {
            // Those of one log keep their order, whatever is known of their times.
            time = line.at.map_or(time, |at| at.0.max(time));
            (time, line)
        });
        Ok(Part {
            lines: timed.collect(),
            next,
            edge,
        })
    }

    /// So much had been written to it before this time.
    fn before(&self, time: Timestamp) -> io::Result<u64> {
        let Some(opened) = &self.opened else {
            return Ok(0);
        };
        Log::of(&opened.file)?.line_of(opened.index.size_before(time))
    }

    fn line_of(&self, address: u64) -> io::Result<u64> {
        match &self.opened {
            Some(opened) => Log::of(&opened.file)?.line_of(address),
            None => Ok(0),
        }
    }
}

/// What one log has to give.
struct Part {
    /// With the time each is put in order by, which never falls.
    lines: Vec<(i64, LogLine)>,
    /// Where what was not looked through lies.
    next: u64,
    /// When that was written, if there is any.
    edge: Option<i64>,
}

impl Part {
    fn none(next: u64) -> Self {
        Self {
            lines: Vec::new(),
            next,
            edge: None,
        }
    }
}

/// The newest `limit` lines of all parts, in order, and where each part goes on before them.
fn last(parts: Vec<Part>, limit: usize) -> (Vec<LogLine>, Vec<u64>) {
    // What one log may still have must not come to lie above what is shown of another.
    let floor = match parts.len() {
        1 => None,
        _ => parts.iter().filter_map(|part| part.edge).max(),
    };
    let mut from: Vec<u64> = parts.iter().map(|part| part.next).collect();
    let mut all = together(parts);
    let early = floor.map_or(0, |floor| all.partition_point(|(time, ..)| *time < floor));
    let cut = early.max(all.len().saturating_sub(limit));
    for (_, nth, line) in all.drain(..cut) {
        from[nth] = line.end;
    }
    (all.into_iter().map(|(.., line)| line).collect(), from)
}

/// The oldest `limit` lines of all parts, in order, and where each part goes on behind them.
fn first(parts: Vec<Part>, limit: usize) -> (Vec<LogLine>, Vec<u64>) {
    let ceiling = match parts.len() {
        1 => None,
        _ => parts.iter().filter_map(|part| part.edge).min(),
    };
    let mut to: Vec<u64> = parts.iter().map(|part| part.next).collect();
    let mut all = together(parts);
    let late = ceiling.map_or(all.len(), |ceiling| {
        all.partition_point(|(time, ..)| *time <= ceiling)
    });
    let cut = late.min(limit);
    for (_, nth, line) in all.drain(cut..).rev() {
        to[nth] = line.offset;
    }
    (all.into_iter().map(|(.., line)| line).collect(), to)
}

/// All lines in the order of time; of the same second, log by log.
fn together(parts: Vec<Part>) -> Vec<(i64, usize, LogLine)> {
    let lines = parts.into_iter().enumerate().flat_map(|(nth, part)| {
        part.lines
            .into_iter()
            .map(move |(time, line)| (time, nth, line))
    });
    let mut all: Vec<_> = lines.collect();
    all.sort_by_key(|(time, ..)| *time);
    all
}

/// The addresses of a place in all logs.
fn at(logs: &[One<'_>], view: &LogView, place: &Place) -> io::Result<LogPlaces> {
    let by_time = |time: Timestamp| -> io::Result<LogPlaces> {
        let place = |one: &One<'_>| Ok((one.instance.clone(), one.before(time)?));
        logs.iter().map(place).collect()
    };
    match place {
        Place::Time(time) => by_time(*time),
        Place::Line(instance, address) => {
            let Some(own) = logs.iter().find(|one| one.instance == instance) else {
                return Ok(LogPlaces::new());
            };
            let address = own.line_of(*address)?;
            let written = own.opened.as_ref();
            let time = written.and_then(|opened| opened.index.time_of(address + 1));
            let mut places = match time {
                Some(time) if logs.len() > 1 => by_time(time)?,
                _ => LogPlaces::new(),
            };
            places.insert(instance.clone(), address);
            Ok(places)
        }
        // The beginning is no matter of seconds.
        Place::Share(share) if *share <= 0.0 => Ok(view.begin.clone()),
        Place::Share(share) => {
            let share = share.clamp(0.0, 1.0);
            let within = |one: &One<'_>| {
                let kept = |places: &LogPlaces| places.get(one.instance).copied().unwrap_or(0);
                let (begin, end) = (kept(&view.begin), kept(&view.end));
                // Bytes of a file are exact far beyond any disk's size.
                one.line_of(begin + ((end - begin) as f64 * share) as u64)
            };
            match logs {
                [one] => Ok([(one.instance.clone(), within(one)?)].into()),
                _ => by_time(time_at(logs, view, share)?),
            }
        }
        Place::End | Place::Before(_) | Place::After(_) => Ok(LogPlaces::new()),
    }
}

/// The time until which this share of all that is kept was written.
fn time_at(logs: &[One<'_>], view: &LogView, share: f64) -> io::Result<Timestamp> {
    let sum = |places: &LogPlaces| places.values().sum::<u64>();
    let (begin, end) = (sum(&view.begin), sum(&view.end));
    let wanted = begin + ((end - begin) as f64 * share) as u64;
    let times = || logs.iter().filter_map(|one| one.opened.as_ref());
    let mut early = times()
        .filter_map(|one| one.index.first_time())
        .min()
        .unwrap_or(0);
    let mut late = times()
        .filter_map(|one| one.index.last_time())
        .max()
        .unwrap_or(0);
    for _ in 0..HALVINGS {
        if late - early <= 1_000 {
            break;
        }
        let middle = early + (late - early) / 2;
        let mut written = 0;
        for one in logs {
            let begin = view.begin.get(one.instance).copied().unwrap_or(0);
            let size = one.opened.as_ref();
            let size = size.map_or(0, |opened| opened.index.size_before(Timestamp(middle)));
            written += size.max(begin);
        }
        if written < wanted {
            early = middle;
        } else {
            late = middle;
        }
    }
    Ok(Timestamp(late))
}

#[cfg(test)]
mod tests;
