//! Reading the logs that shims keep: pages by address, times by index, and followers.
//!
//! A log is one append-only file per instance, over all its generations. A line's address is its
//! byte offset, for ever: old parts are punched out, never moved. The bytes are stored raw and
//! made harmless when they are shown; there secrets are hidden, too ([`hide`]).

mod awaited;
mod clean;
mod copy;
mod follow;
mod fresh;
mod hide;
mod index;
mod kernel;
mod level;
mod lines;
mod output;
mod page;
mod pattern;
mod scan;
mod screen;
mod search;
mod starts;
mod trace;
mod view;
#[cfg(test)]
mod written;

pub(crate) use awaited::{Awaited, Line};
pub use clean::clean;
use clean::shown;
pub use copy::{Copied, Copying};
pub use follow::{Followed, Follower};
pub use fresh::{Fresh, fresh};
pub use hide::hide;
use level::level;
pub use output::{Output, Piece};
pub use page::{Filter, LogQuery, page};
pub use pattern::{Pattern, PatternError};
pub use search::Searching;
pub use starts::{last_words, starts};
pub use view::{Place, ViewQuery, view};

/// The log's name in its folder.
const LOG: &str = "log";
/// The name of its index of times.
const INDEX: &str = "log.idx";
/// The name of the notes of its starts.
const RUNS: &str = "log.runs";
