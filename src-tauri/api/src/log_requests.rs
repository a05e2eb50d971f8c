//! What the commands about logs take. Shapes are closed, as in [`crate::requests`].

use crate::calls::MOST;
use engine::{Error, Filter, LogQuery, LogsAsked, Pattern, Place};
use model::view::{LogLevel, LogPlaces};
use model::{ClusterId, InstanceId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Lines of a log when a request does not say how many.
const USUAL_LINES: u32 = 500;

/// Which lines of an instance's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct LogsRequest {
    /// Its cluster.
    pub cluster: ClusterId,
    /// Which instance.
    pub instance: InstanceId,
    /// The last ones that end before this offset.
    pub before: Option<u64>,
    /// The first ones that begin at or after this offset.
    pub after: Option<u64>,
    /// At most so many, and never over 10,000; 500 unless given.
    pub limit: Option<u32>,
    /// Not written before.
    pub since: Option<Timestamp>,
    /// Not written after.
    pub until: Option<Timestamp>,
    /// Holding this regular expression; upper and lower case are the same unless it says `(?-i)`.
    pub grep: Option<String>,
    /// Holding this text as it is, in either case.
    pub text: Option<String>,
    /// Of this level or a higher one, as far as a line says it.
    pub level: Option<LogLevel>,
    /// What `reveal` gave, to see secrets, too.
    pub reveal: Option<String>,
}

impl LogsRequest {
    pub(crate) fn query(self) -> Result<LogQuery, Error> {
        Ok(LogQuery {
            before: self.before,
            after: self.after,
            limit: self.limit.unwrap_or(USUAL_LINES).clamp(1, MOST) as usize,
            since: self.since,
            until: self.until,
            filter: filter(self.grep, self.text, self.level)?,
            look: 0,
        })
    }
}

/// Whose logs to follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct FollowLogsRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Which services; none is all of them.
    pub services: Vec<ServiceName>,
    /// So many lines of each instance first, at most 10,000; 100 unless given.
    pub tail: Option<u32>,
    /// Instead of its last lines, all of an instance's lines from this address on: for a reader that
    /// was here before.
    #[ts(optional, type = "Record<InstanceId, number>")]
    pub from: Option<BTreeMap<InstanceId, u64>>,
    /// Only lines that hold this regular expression; see `LogsRequest`.
    pub grep: Option<String>,
    /// Only lines that hold this text; see `LogsRequest`.
    pub text: Option<String>,
    /// Only lines of this level or a higher one.
    pub level: Option<LogLevel>,
    /// For who shows only what is newest: of lines that come faster than this many at a look (ten a second),
    /// of all logs together, the older ones are passed over, which the next line says. Every line unless given.
    pub newest: Option<u32>,
    /// What `reveal` gave, to see secrets, too.
    pub reveal: Option<String>,
}

/// A place in one log or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum LogPlace {
    /// The end: the last lines.
    End,
    /// What comes before these addresses, as an answer's `from` has them.
    Before {
        /// One of each instance.
        #[ts(type = "Record<InstanceId, number>")]
        places: LogPlaces,
    },
    /// What begins at these addresses and behind them, as an answer's `to` has them.
    After {
        /// One of each instance.
        #[ts(type = "Record<InstanceId, number>")]
        places: LogPlaces,
    },
    /// A line, or the one that has this byte, and what was written around it.
    Line {
        /// Of whose log.
        instance: InstanceId,
        /// Its address.
        #[ts(type = "number")]
        offset: u64,
    },
    /// What was written around a time.
    Time {
        /// Which.
        at: Timestamp,
    },
    /// What has so much of all that is kept before it: 0 is the beginning, 1 the end.
    Share {
        /// From 0 to 1.
        share: f64,
    },
}

impl LogPlace {
    pub(crate) fn place(self) -> Place {
        match self {
            Self::End => Place::End,
            Self::Before { places } => Place::Before(places),
            Self::After { places } => Place::After(places),
            Self::Line { instance, offset } => Place::Line(instance, offset),
            Self::Time { at } => Place::Time(at),
            Self::Share { share } => Place::Share(share),
        }
    }
}

/// Which part of which logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct LogViewRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Whose logs, at most 1,000.
    pub instances: Vec<InstanceId>,
    /// Around which place.
    pub place: LogPlace,
    /// At most so many lines, and never over 5,000; 500 unless given.
    pub limit: Option<u32>,
    /// Not written before.
    pub since: Option<Timestamp>,
    /// Not written after.
    pub until: Option<Timestamp>,
    /// Only lines that hold this regular expression; see `LogsRequest`.
    pub grep: Option<String>,
    /// Only lines that hold this text; see `LogsRequest`.
    pub text: Option<String>,
    /// Only lines of this level or a higher one.
    pub level: Option<LogLevel>,
    /// What `reveal` gave, to see secrets, too.
    pub reveal: Option<String>,
}

impl LogViewRequest {
    pub(crate) fn asked(self) -> Result<(LogsAsked, Place, usize), Error> {
        let asked = LogsAsked {
            cluster: self.cluster,
            instances: self.instances,
            filter: filter(self.grep, self.text, self.level)?,
            since: self.since,
            until: self.until,
        };
        let limit = self.limit.unwrap_or(USUAL_LINES).clamp(1, MOST) as usize;
        Ok((asked, self.place.place(), limit))
    }
}

/// What to look for, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct SearchLogsRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Whose logs, at most 1,000.
    pub instances: Vec<InstanceId>,
    /// Not written before.
    pub since: Option<Timestamp>,
    /// Not written after.
    pub until: Option<Timestamp>,
    /// Lines that hold this regular expression; see `LogsRequest`.
    pub grep: Option<String>,
    /// Or this text; see `LogsRequest`.
    pub text: Option<String>,
    /// Of these, lines of this level or a higher one.
    pub level: Option<LogLevel>,
}

impl SearchLogsRequest {
    pub(crate) fn asked(self) -> Result<LogsAsked, Error> {
        Ok(LogsAsked {
            cluster: self.cluster,
            instances: self.instances,
            filter: filter(self.grep, self.text, self.level)?,
            since: self.since,
            until: self.until,
        })
    }
}

/// What to copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
#[ts(optional_fields)]
pub struct CopyLogsRequest {
    /// Of which cluster.
    pub cluster: ClusterId,
    /// Whose logs, at most 1,000; of several the lines are put in the order of time, each with its instance.
    pub instances: Vec<InstanceId>,
    /// The bytes as they were written, of one log and all of it; else text as it is shown, without colours.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub raw: bool,
    /// Not written before.
    pub since: Option<Timestamp>,
    /// Not written after.
    pub until: Option<Timestamp>,
    /// Only lines that hold this regular expression; see `LogsRequest`.
    pub grep: Option<String>,
    /// Only lines that hold this text; see `LogsRequest`.
    pub text: Option<String>,
    /// Only lines of this level or a higher one.
    pub level: Option<LogLevel>,
    /// What `reveal` gave, to see secrets, too.
    pub reveal: Option<String>,
}

impl CopyLogsRequest {
    pub(crate) fn asked(self) -> Result<(LogsAsked, bool), Error> {
        let asked = LogsAsked {
            cluster: self.cluster,
            instances: self.instances,
            filter: filter(self.grep, self.text, self.level)?,
            since: self.since,
            until: self.until,
        };
        Ok((asked, self.raw))
    }
}

pub(crate) fn filter(
    grep: Option<String>,
    text: Option<String>,
    level: Option<LogLevel>,
) -> Result<Filter, Error> {
    let pattern = match (grep, text) {
        (Some(_), Some(_)) => {
            let both =
                "a line is looked for by a pattern (`grep`) or by a text (`text`), not by both";
            return Err(Error::BadRequest(both.to_owned()));
        }
        (Some(grep), None) => Some(Pattern::new(&grep)),
        (None, Some(text)) => Some(Pattern::plain(&text)),
        (None, None) => None,
    };
    let grep = pattern
        .transpose()
        .map_err(|error| Error::BadRequest(format!("failed to read the pattern: {error}")))?;
    // What hides secrets is the engine's to say.
    let hide = None;
    Ok(Filter { grep, level, hide })
}
