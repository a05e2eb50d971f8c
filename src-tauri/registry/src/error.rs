//! Why the registry does not do what it was asked.

use crate::target::Refusal;
use std::sync::Arc;

/// Why the registry does not do what it was asked. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a name.
    #[error("use the name: {0}")]
    Name(#[from] model::NameError),
    /// Not an id.
    #[error("use the id: it is 1 to 128 letters, digits, dots, hyphens and underscores")]
    Id,
    /// A URL that an entry must not have.
    #[error("use the url: {0}")]
    Url(#[from] Refusal),
    /// A name or id that no interface takes.
    #[error("use the {0}: it is 1 to 255 bytes without control characters")]
    Free(&'static str),
    /// Neither a URL nor a port, or both.
    #[error("use the address: it is a url, or a port with or without an address")]
    Place,
    /// Too many or too long tags.
    #[error("use the tags: there are at most 64 of at most 1024 bytes, none empty")]
    Tags,
    /// A version or category that is too long.
    #[error("use the {0}: it is empty, or longer than 64 bytes")]
    Word(&'static str),
    /// Characters that would steer whatever shows them.
    #[error("use the {0}: it has control characters, or such that change the order of text")]
    Steers(String),
    /// A check that cannot be kept.
    #[error("use the checks: {0}")]
    Check(String),
    /// No such check.
    #[error("find check {check} of {of}: it is not registered")]
    NoCheck {
        /// Its id.
        check: String,
        /// Of which entry.
        of: String,
    },
    /// What was written down is not understood.
    #[error("understand what was written down: {0}")]
    Row(String),
    /// A time to live outside the limits.
    #[error("use the ttl: it is 5 to 86400 seconds, not {0}")]
    Ttl(u64),
    /// Too much said about itself.
    #[error("use the meta: it has at most 32 texts of at most 512 bytes under keys of at most 128")]
    Meta,
    /// The engine keeps this name.
    #[error("change {name}: it is kept by cluster {cluster}")]
    Kept {
        /// The name.
        name: String,
        /// Whose it is.
        cluster: String,
    },
    /// No such entry.
    #[error("find {what}: it is not registered")]
    Missing {
        /// The name, or name and id.
        what: String,
    },
    /// Nothing serves under this name, which is a cluster's.
    #[error("find {name}: it is a service of cluster {cluster}, and no instance of it is ready")]
    Down {
        /// The name.
        name: String,
        /// Whose it is.
        cluster: String,
    },
    /// No such entry any more, or never.
    #[error("renew {what}: it is not registered")]
    Over {
        /// Its name and id.
        what: String,
    },
    /// The entry ended because an instance of a cluster took its name.
    #[error(
        "renew {what}: it is off the list, because cluster {cluster} runs a service of its name"
    )]
    GaveWay {
        /// Its name and id.
        what: String,
        /// Whose the name is.
        cluster: String,
    },
    /// Two services with one id of a check.
    #[error("use check {check}: service {of} has one of that id, and ids of checks are one space")]
    CheckTaken {
        /// Its id.
        check: String,
        /// Whose it is.
        of: String,
    },
    /// All that has this name gets no traffic for now.
    #[error("use {name}: {why}")]
    Withheld {
        /// The name.
        name: String,
        /// Why: "its circuit is open".
        why: String,
    },
    /// Too many entries.
    #[error("add an entry: there are {limit} {of} already")]
    TooMany {
        /// How many are allowed.
        limit: usize,
        /// Of what.
        of: String,
    },
    /// The door said no.
    #[error("pass the door: {0}")]
    Refused(String),
    /// It could not be written down.
    #[error("write it down: failed to {0}")]
    Store(#[source] Arc<store::Error>),
    /// The engine is on its way out.
    #[error("reach the registry: it is closing")]
    Closing,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Error::Store(Arc::new(error))
    }
}

impl Error {
    /// Why, without what it keeps from being done.
    pub fn why(&self) -> String {
        match self {
            Error::Withheld { why, .. } => why.clone(),
            other => match other.to_string().split_once(": ") {
                Some((_, why)) => why.to_owned(),
                None => other.to_string(),
            },
        }
    }

    /// What to do about it, as a sentence.
    pub fn help(&self) -> &'static str {
        match self {
            Error::Name(_) => "Use a name like mail or user-api.",
            Error::Id => "Leave the id out and one is made from the url.",
            Error::Url(_) => {
                "Give the address on this machine, like http://127.0.0.1:4000; other networks are \
                 allowed by `registry.allow` in settings.toml."
            }
            Error::Ttl(_) => {
                "Leave the ttl out for 30 seconds, and send a heartbeat before it ends."
            }
            Error::Meta | Error::Tags | Error::Word(_) => "Say less about the service.",
            Error::Steers(_) => {
                "Leave these characters out; a value of meta may have several lines."
            }
            Error::Place => {
                "Give \"url\": \"http://127.0.0.1:4000\", or \"port\": 4000 with \"address\" if it is \
                 not 127.0.0.1."
            }
            Error::Free(_) => "Use a name like mail or user-api.",
            Error::Check(_) => "See docs/registry.md for what a check looks like.",
            Error::NoCheck { .. } => "Its entry may have ended. Register it again with its checks.",
            Error::Row(_) => "Register it again.",
            Error::Kept { .. } => {
                "Instances of a cluster are listed by themselves. Use another name, or ask azora to \
                 stop the service."
            }
            Error::Missing { .. } => {
                "GET /services lists what there is. What registers itself is listed for as long as its \
                 heartbeats or checks allow."
            }
            Error::Down { .. } => {
                "It is listed as soon as an instance is ready; `azora ps` says what each does."
            }
            Error::Over { .. } => "Its lease may have ended. Register it again.",
            Error::GaveWay { .. } => "Register it under another name.",
            Error::CheckTaken { .. } => {
                "Give each instance's check a CheckID of its own, or none: then it is called by its service."
            }
            Error::Withheld { .. } => {
                "It has failed several times in a row; it is listed again when it has been well for \
                 a while."
            }
            Error::TooMany { .. } => "Remove entries that are not needed, or let their leases end.",
            Error::Refused(_) => "See the acts in Azora for who was refused what and why.",
            Error::Store(_) => "Look at the disk that holds Azora's home, then try again.",
            Error::Closing => "Try again when Azora runs.",
        }
    }
}
